"""template.yaml as SAM translates it, with its functions resolved as CloudFormation does."""

import copy
import logging
import os
import re

from local import ROOT
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

TEMPLATE = (ROOT / "template.yaml").read_text()
PARSED = yaml_parse(TEMPLATE)
PSEUDO = {
    "AWS::Region": "eu-central-1",
    "AWS::Partition": "aws",
    "AWS::StackName": "past-rooms",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::AccountId": "123456789012",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:1:stack/past-rooms/a-b-c-d-e",
}
NO_VALUE = object()
# SAM needs a region, though it sends nothing.
os.environ.setdefault("AWS_DEFAULT_REGION", PSEUDO["AWS::Region"])
logging.getLogger("samtranslator").setLevel(logging.ERROR)
# Translations by the only parameter whose value SAM looks at.
TRANSLATED = {}


class Stack:
    """A translated template with values of its parameters."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = parameters
        self.conditions = {}
        everything = template["Resources"]
        self.resources = {name: it for name, it in everything.items() if self.holds(it.get("Condition"))}

    def holds(self, condition):
        if condition is None:
            return True
        if condition not in self.conditions:
            self.conditions[condition] = self.read(self.template["Conditions"][condition])
        return self.conditions[condition]

    def read(self, value):
        """Returns a value as CloudFormation resolves it. A resource is its name in brackets."""
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
        assert name in self.resources, f"{name} does not exist"
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
        """Returns the properties of all resources. Fails if one refers to nothing or they depend on each other in a circle."""
        uses, read = {}, {}
        for name, resource in self.resources.items():
            self.used = set()
            # A condition may exclude a dependency.
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
    """No managed policies: the template names only CodeDeploy's, whose name is fixed."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def translate(parameters):
    defaults = {name: str(it["Default"]) for name, it in PARSED["Parameters"].items()}
    parameters = {**defaults, **parameters}
    rollout = parameters["Rollout"]
    if rollout not in TRANSLATED:
        template = copy.deepcopy(PARSED)
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = "s3://bucket/key"
        TRANSLATED[rollout] = transform(template, {**parameters}, NoPolicies())
    return Stack(TRANSLATED[rollout], parameters)
