"""The template of a release for zips in a bucket: its default is a processor that it has, and the same zip
in another bucket or folder is no error, but a new version of something that is new.

usage: bucket.py TEMPLATE
"""

import copy
import logging
import os
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform
from template import NoPolicies

TYPES = ["AWS::Lambda::Function", "AWS::Lambda::Version"]


def functions_and_versions(parsed, parameters):
    """The functions without where their code is, and the names of the versions."""
    defaults = {name: str(it.get("Default", "")) for name, it in parsed["Parameters"].items()}
    made = transform(copy.deepcopy(parsed), {**defaults, **parameters}, NoPolicies())["Resources"]
    functions, versions = ({name: it for name, it in made.items() if it["Type"] == type} for type in TYPES)
    for function in functions.values():
        del function["Properties"]["Code"]
    return functions, versions.keys()


def resolved(value, parameters):
    """A function's properties with these parameters in the place of their names."""
    text = repr(value)
    for name, given in parameters.items():
        text = text.replace("${" + name + "}", given)
    return text


def main():
    logging.disable()
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    template = Path(sys.argv[1])
    parsed = yaml_parse(template.read_text())
    architecture = parsed["Parameters"]["Architecture"]
    assert architecture["Default"] in architecture["AllowedValues"], architecture
    for name in architecture["AllowedValues"]:
        assert (template.parent / f"past-rooms-{name}.zip").exists(), name
    places = [("one", ""), ("two", ""), ("one", "v1/"), ("one", "v2/"), ("b" * 63, "p" * 400 + "/")]
    seen, published = set(), set()
    for bucket, prefix in places:
        parameters = {"CodeBucket": bucket, "CodePrefix": prefix, "Webhook": "on"}
        functions, versions = functions_and_versions(parsed, parameters)
        assert len(functions) == len(versions) == 3
        assert published.isdisjoint(versions), f"{bucket}/{prefix} publishes nothing"
        published.update(versions)
        for name, function in functions.items():
            # Lambda refuses to publish a version of what is as it was.
            properties = name + resolved(function["Properties"], parameters)
            assert properties not in seen, f"{name} is the same in {bucket}/{prefix}"
            seen.add(properties)
    print(f"ok    {template.name} with its zips in {len(places)} places")


main()
