#!/usr/bin/env python3
"""The template with every combination of what can be switched: what SAM makes of it, as CloudFormation
would read it. Nothing may name what is not there, the dashboard must be JSON, and whatever calls a
function must call its alias. Then, with single settings: when there is a new version, what the rules
refuse, and every partition."""

import copy
import itertools
import json
import logging
import os
import re
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

TEMPLATE = (Path(__file__).parent.parent / "template.yaml").read_text()
PARSED = yaml_parse(TEMPLATE)
# CloudFormation's limit for a template body that is not in S3.
MAXIMUM_BYTES = 51_200
SWITCHES = {
    "Webhook": ["off", "on"],
    "CountForeignWrites": ["on", "off"],
    "Dashboard": ["on", "off"],
    "Tracing": ["off", "on"],
    "Rollout": ["AllAtOnce", "Canary10Percent5Minutes"],
    "CorsOrigins": ["", "https://lms.example.org,https://www.example.org"],
    "CredentialsSecretArn": ["", "arn:aws:secretsmanager:eu-central-1:1:secret:s-AbCdEf"],
    "DomainName": ["", "history.example.org"],
    "PermissionsBoundary": ["", "arn:aws:iam::123456789012:policy/boundary"],
    "WholeHistory": ["off", "on"],
    "KmsKeyArn": ["", "arn:aws:kms:eu-central-1:123456789012:key/k"],
}
DOMAIN = {
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/c",
    "HostedZoneId": "Z1",
}
# Where the template can be deployed: the partitions that have a public console.
PARTITIONS = ["aws", "aws-cn", "aws-eusc", "aws-us-gov"]
PSEUDO = {
    "AWS::Region": "eu-central-1",
    "AWS::Partition": "aws",
    "AWS::StackName": "past-rooms",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::AccountId": "123456789012",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:1:stack/past-rooms/a-b-c-d-e",
}
NO_VALUE = object()
# What SAM makes of the template, by the kind of rollout.
TRANSLATED = {}


class Stack:
    """A translated template, read with parameters."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = parameters
        self.conditions = {}
        everything = template["Resources"]
        self.resources = {name: it for name, it in everything.items() if self.holds(it.get("Condition"))}
        self.names = {}

    def holds(self, condition):
        if condition is None:
            return True
        if condition not in self.conditions:
            self.conditions[condition] = self.read(self.template["Conditions"][condition])
        return self.conditions[condition]

    def read(self, value):
        """A value as CloudFormation resolves it; an attribute of a resource becomes its name."""
        if isinstance(value, list):
            return [read for item in value if (read := self.read(item)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            known = {
                "Ref": self.ref,
                "Condition": self.holds,
                "Fn::If": lambda it: self.read(it[1] if self.holds(it[0]) else it[2]),
                "Fn::Equals": lambda it: str(self.read(it[0])) == str(self.read(it[1])),
                "Fn::Not": lambda it: not self.read(it[0]),
                "Fn::And": lambda it: all(self.read(it)),
                "Fn::Or": lambda it: any(self.read(it)),
                "Fn::Join": lambda it: it[0].join(self.read(it[1])),
                "Fn::Select": lambda it: self.read(it[1])[int(it[0])],
                "Fn::Split": lambda it: self.read(it[1]).split(it[0]),
                "Fn::GetAtt": self.attribute,
                "Fn::Sub": self.substitute,
                "Fn::FindInMap": lambda it: self.template["Mappings"][it[0]][self.read(it[1])][it[2]],
            }
            if function in known and not (function == "Condition" and not isinstance(argument, str)):
                return known[function](argument)
        read = {name: self.read(item) for name, item in value.items()}
        return {name: item for name, item in read.items() if item is not NO_VALUE}

    def ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            value = self.parameters[name]
            is_list = self.template["Parameters"][name]["Type"] == "CommaDelimitedList"
            return value.split(",") if is_list else value
        assert name in self.resources, f"{name} is not there"
        self.used.add(name)
        return f"[{name}]"

    def attribute(self, path):
        name, attribute = path if isinstance(path, list) else path.split(".", 1)
        self.ref(name)
        return f"[{name}.{attribute}]"

    def substitute(self, argument):
        text, variables = argument if isinstance(argument, list) else (argument, {})

        def one(match):
            name = match[1]
            if name in variables:
                return str(self.read(variables[name]))
            return str(self.attribute(name) if "." in name else self.ref(name))

        return re.sub(r"\$\{([^}!]+)\}", one, text)

    def check(self):
        uses, read = {}, {}
        for name, resource in self.resources.items():
            self.used = set()
            # What its condition excludes is no dependency; what it depends on may be excluded, too.
            self.used.update(set(listed(resource.get("DependsOn"))) & self.resources.keys())
            policies = self.read(resource.get("UpdatePolicy", {}))
            read[name] = {**self.read(resource.get("Properties", {})), "UpdatePolicy": policies}
            uses[name] = self.used
        self.used = set()
        for output in self.template["Outputs"].values():
            if self.holds(output.get("Condition")):
                self.read(output["Value"])
        while free := [name for name, used in uses.items() if not used & uses.keys()]:
            for name in free:
                del uses[name]
        assert not uses, f"these depend on each other in a circle: {uses}"
        return read


def listed(value):
    return value if isinstance(value, list) else [value] if value else []


class NoPolicies(ManagedPolicyLoader):
    """No role of the template has one of AWS's policies but CodeDeploy's, which has a fixed name."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def translate(parameters):
    defaults = {name: str(it["Default"]) for name, it in PARSED["Parameters"].items()}
    parameters = {**defaults, **parameters}
    # The one parameter whose value SAM itself looks at.
    rollout = parameters["Rollout"]
    if rollout not in TRANSLATED:
        template = copy.deepcopy(PARSED)
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = "s3://bucket/key"
        TRANSLATED[rollout] = transform(template, {**parameters}, NoPolicies())
    return Stack(TRANSLATED[rollout], parameters)


def metrics(stack, read):
    """The metrics of the log that the dashboard shows, and those that filters make."""
    resources = stack.resources.items()
    made = {
        transformation["MetricName"]
        for name, it in resources
        if it["Type"] == "AWS::Logs::MetricFilter"
        for transformation in read[name]["MetricTransformations"]
    }
    shown, widgets = set(), []
    for name, it in resources:
        if it["Type"] == "AWS::CloudWatch::Dashboard":
            widgets = json.loads(read[name]["DashboardBody"])["widgets"]
    for widget in widgets:
        before = []
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                continue
            # CloudWatch's shorthand: "." repeats a field of the metric before, "..." all of them.
            fields = [field for field in metric if isinstance(field, str)]
            fields = before if fields == ["..."] else [before[i] if it == "." else it for i, it in enumerate(fields)]
            metric = before = fields
            if metric[0] == "past-rooms/past-rooms":
                shown.add(metric[1])
    return made, shown, widgets


def check(parameters):
    stack = translate(parameters)
    read = stack.check()
    on = {name: value == "on" for name, value in parameters.items()}
    functions = ["Function"] + ["WebhookFunction"] * on["Webhook"] + ["StreamFunction"] * on["CountForeignWrites"]
    types = {}
    for name, it in stack.resources.items():
        types.setdefault(it["Type"], {})[name] = read[name]
    assert sorted(types["AWS::Lambda::Function"]) == sorted(functions)
    for name in functions:
        function = types["AWS::Lambda::Function"][name]
        mode = function["TracingConfig"]["Mode"]
        assert mode == ("Active" if on["Tracing"] else "PassThrough")
        group = types["AWS::CodeDeploy::DeploymentGroup"][f"{name}DeploymentGroup"]
        rollout = parameters["Rollout"]
        assert group["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{rollout}", group
        watched = group.get("AlarmConfiguration", {}).get("Alarms", [])
        assert bool(watched) == (rollout != "AllAtOnce"), group
        policy = types["AWS::Lambda::Alias"][f"{name}Aliaslive"]["UpdatePolicy"]
        assert "CodeDeployLambdaAliasUpdate" in policy
    for name, it in stack.resources.items():
        if it["Type"] == "AWS::Lambda::Version":
            # Kept, it would be in the way of the same code: Lambda publishes nothing twice.
            assert it["DeletionPolicy"] == "Delete", name
    check_security(parameters, types)
    for policy in types["AWS::IAM::Role"].values():
        traces = "xray:PutTraceSegments" in json.dumps(policy.get("Policies"))
        assert traces == (on["Tracing"] and "Policies" in policy)
    for permission in types["AWS::Lambda::Permission"].values():
        assert permission["FunctionName"].endswith("Aliaslive]"), permission
    for mapping in types.get("AWS::Lambda::EventSourceMapping", {}).values():
        assert mapping["FunctionName"] == "[StreamFunctionAliaslive]", mapping
    body = types["AWS::ApiGatewayV2::Api"]["Api"]["Body"]
    paths = {"/auth/room/fetchPastRooms", "/room/fetchPastRooms", "$default"}
    assert {path for path, methods in body["paths"].items() if methods} == paths | ({"/webhook"} if on["Webhook"] else set())
    for path in filter(None, body["paths"].values()):
        for method in path.values():
            assert "Aliaslive]/invocations" in method["x-amazon-apigateway-integration"]["uri"]
    stage = types["AWS::ApiGatewayV2::Stage"]["ApiApiGatewayDefaultStage"]
    limits = {route: it["ThrottlingRateLimit"] for route, it in stage["RouteSettings"].items()}
    assert limits == {"$default": "10", **({"ANY /webhook": "20"} if on["Webhook"] else {})}, limits
    cors = body.get("x-amazon-apigateway-cors")
    origins = parameters["CorsOrigins"]
    assert (cors and cors["allowOrigins"]) == (origins.split(",") if origins else None)
    domain = {"AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSet"}
    assert (domain & types.keys()) == (domain if parameters["DomainName"] else set())
    made, shown, widgets = metrics(stack, read)
    assert shown <= made, shown - made
    alarms = types["AWS::CloudWatch::Alarm"]
    watched = {alarm["MetricName"] for alarm in alarms.values()}
    if on["Dashboard"]:
        assert made <= shown | watched and shown >= {"ColdMilliseconds", "WarmMilliseconds", "ReadUnits"}
        [listed_alarms] = [it["properties"]["alarms"] for it in widgets if it["type"] == "alarm"]
        assert sorted(listed_alarms) == sorted(f"[{name}.Arn]" for name in alarms)
    else:
        # Without the dashboard nothing is paid for that only it shows.
        assert made <= watched, made - watched
    return stack


def check_security(parameters, types):
    """Every role has the boundary, and the key encrypts what the functions may then decrypt."""
    boundary, key = (parameters[name] or None for name in ["PermissionsBoundary", "KmsKeyArn"])
    for name, role in types["AWS::IAM::Role"].items():
        assert role.get("PermissionsBoundary") == boundary, name
        statements = [it for policy in role.get("Policies", []) for it in policy["PolicyDocument"]["Statement"]]
        of_key = [it for it in statements if any(action.startswith("kms:") for action in it["Action"])]
        assert [it["Resource"] for it in of_key] == ([key] if key and statements else []), name
        assert all("kms:Decrypt" in it["Action"] for it in of_key), name
    for table in types["AWS::DynamoDB::Table"].values():
        encryption = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        assert table.get("SSESpecification") == (encryption if key else None)
    for kind in ["AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"]:
        for name, it in types.get(kind, {}).items():
            assert it.get("KmsKeyId") == key, name
    has_secret = "AWS::SecretsManager::Secret" in types
    assert has_secret == (not parameters["CredentialsSecretArn"])


def check_versions():
    """A function's new settings take effect only in a new version: CloudFormation publishes one where the
    description is another one, and Lambda where the function's own is, too."""
    api, webhook = "Function", "WebhookFunction"
    every = {api, webhook, "StreamFunction"}
    settings = {
        "MemorySize": ("512", {api, webhook}),
        "Answers": ("plugnmeet", {api}),
        "RetentionDays": ("9", {webhook, "StreamFunction"}),
        "CredentialsSecretArn": ("arn:aws:secretsmanager:eu-central-1:1:secret:s-AbCdEf", {api, webhook}),
        "WholeHistory": ("on", {api, "StreamFunction"}),
        "Tracing": ("on", every),
        "AlarmTopicArn": ("arn:aws:sns:eu-central-1:1:t", set()),
    }

    def descriptions(parameters):
        stack = translate({"Webhook": "on", **parameters})
        read = stack.check()
        found = {}
        for name, it in stack.resources.items():
            if it["Type"] == "AWS::Lambda::Version":
                function = read[name]["FunctionName"].strip("[]")
                found[function] = read[name]["Description"]
                assert found[function] == read[function]["Description"]
                assert len(found[function]) <= 256
        return found

    before = descriptions({})
    assert before.keys() == every
    for setting, (value, functions) in settings.items():
        after = descriptions({setting: value})
        changed = {name for name in every if before[name] != after[name]}
        assert changed == functions, f"{setting}: {changed}"
    longest = {
        "CredentialsSecretArn": "arn:aws:secretsmanager:" + "s" * 113 + "-AbCdEf",
        "MemorySize": "10240",
        "RetentionDays": "36500",
    }
    descriptions(longest)


def check_concurrency():
    """Each function has the concurrency that its own parameter reserves, and none by default."""
    names = {"Function": "", "WebhookFunction": "Webhook", "StreamFunction": "Stream"}
    for function, prefix in names.items():
        read = translate({"Webhook": "on", f"{prefix}ReservedConcurrency": "7"}).check()
        reserved = {name: read[name].get("ReservedConcurrentExecutions") for name in names}
        assert reserved == {name: "7" if name == function else None for name in names}, reserved


def check_rules():
    """What the rules refuse, and that they say what to set instead."""
    cases = [
        ({}, None),
        ({"DomainName": "history.example.org"}, "CertificateArn"),
        ({"HostedZoneId": "Z1"}, "DomainName"),
        ({"DomainName": "history.example.org", **DOMAIN}, None),
        ({"RetentionDays": "365"}, None),
        ({"CountForeignWrites": "off"}, None),
        # DynamoDB would delete sessions that nobody takes out of the counts.
        ({"RetentionDays": "365", "CountForeignWrites": "off"}, "CountForeignWrites=on"),
        # A secret that is no longer named, and one beside a new one.
        ({"GenerateCredentials": "off"}, "CredentialsSecretArn"),
        ({"CredentialsSecretArn": SWITCHES["CredentialsSecretArn"][1]}, "GenerateCredentials=off"),
        ({"CredentialsSecretArn": SWITCHES["CredentialsSecretArn"][1], "GenerateCredentials": "off"}, None),
    ]
    for parameters, named in cases:
        stack = translate(parameters)
        refused = [
            assertion["AssertDescription"]
            for rule in stack.template["Rules"].values()
            if stack.read(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
            if not stack.read(assertion["Assert"])
        ]
        assert len(refused) == (named is not None) and all(named in it for it in refused), f"{parameters}: {refused}"


def check_partitions():
    for partition in PARTITIONS:
        PSEUDO["AWS::Partition"] = partition
        translate({}).check()
    PSEUDO["AWS::Partition"] = "aws"


def main():
    logging.disable()
    # SAM asks for a region, though nothing is sent there.
    os.environ["AWS_DEFAULT_REGION"] = PSEUDO["AWS::Region"]
    size = len(TEMPLATE.encode())
    assert size <= MAXIMUM_BYTES, f"the template has {size} bytes"
    combinations = 0
    for values in itertools.product(*SWITCHES.values()):
        parameters = dict(zip(SWITCHES, values))
        if parameters["DomainName"]:
            parameters.update(DOMAIN)
        try:
            check(parameters)
        except Exception:
            print(f"with {parameters}:", file=sys.stderr)
            raise
        combinations += 1
    check_versions()
    check_concurrency()
    check_rules()
    check_partitions()
    print(f"{combinations} combinations of switches: nothing dangling, no circle, the dashboard is JSON")


if __name__ == "__main__":
    main()
