"""template.yaml with every combination of its switches, resolved as CloudFormation does."""

import itertools
import json

import pytest
from templates import PSEUDO, TEMPLATE, translate

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
# Partitions with a public console.
PARTITIONS = ["aws", "aws-cn", "aws-eusc", "aws-us-gov"]

def metrics(stack, read):
    """Returns the metrics that filters make of the log, those on the dashboard, and its widgets."""
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
            # In CloudWatch's shorthand "." repeats a field of the previous metric, and "..." all of them.
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
            # Lambda does not publish the same code twice, so a retained version would block a later deployment.
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
    check_throttling(body["paths"], stage)
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
        # Metrics cost money, so without the dashboard its own do not exist.
        assert made <= watched, made - watched
    return stack


def check_throttling(paths, stage):
    """Every route has its limit. Routes with settings always exist: API Gateway refuses to remove them."""
    routes = {path if path == "$default" else f"ANY {path}" for path, methods in paths.items() if methods}
    settings = stage["RouteSettings"]
    assert routes - settings.keys() <= {"ANY /webhook"} and settings.keys() <= routes, settings
    limits = {route: settings.get(route, stage["DefaultRouteSettings"])["ThrottlingRateLimit"] for route in routes}
    api = {f"ANY {path}": "50" for path in ["/auth/room/fetchPastRooms", "/room/fetchPastRooms"]}
    webhook = {route: "20" for route in routes & {"ANY /webhook"}}
    assert limits == {"$default": "10", **api, **webhook}, limits


def check_security(parameters, types):
    """Every role has the boundary, and every function may use the key that encrypts its data."""
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


def test_new_settings_make_new_versions():
    """CloudFormation publishes a version if its description changes, Lambda if that of the function changes."""
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


def test_each_function_reserves_its_own_concurrency():
    names = {"Function": "", "WebhookFunction": "Webhook", "StreamFunction": "Stream"}
    for function, prefix in names.items():
        read = translate({"Webhook": "on", f"{prefix}ReservedConcurrency": "7"}).check()
        reserved = {name: read[name].get("ReservedConcurrentExecutions") for name in names}
        assert reserved == {name: "7" if name == function else None for name in names}, reserved


def test_rules_name_the_parameter_to_set():
    cases = [
        ({}, None),
        ({"DomainName": "history.example.org"}, "CertificateArn"),
        ({"HostedZoneId": "Z1"}, "DomainName"),
        ({"DomainName": "history.example.org", **DOMAIN}, None),
        ({"RetentionDays": "365"}, None),
        ({"CountForeignWrites": "off"}, None),
        # DynamoDB would delete sessions that stay in the counts.
        ({"RetentionDays": "365", "CountForeignWrites": "off"}, "CountForeignWrites=on"),
        # A secret that a deployment no longer names, and one beside a generated one.
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


@pytest.mark.parametrize("partition", PARTITIONS)
def test_partition(partition, monkeypatch):
    monkeypatch.setitem(PSEUDO, "AWS::Partition", partition)
    translate({}).check()


def test_every_combination_of_switches():
    for values in itertools.product(*SWITCHES.values()):
        parameters = dict(zip(SWITCHES, values))
        check({**parameters, **DOMAIN} if parameters["DomainName"] else parameters)


def test_template_fits_into_a_request():
    assert len(TEMPLATE.encode()) <= MAXIMUM_BYTES
