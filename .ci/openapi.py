"""Holds events/ against docs/openapi.yaml: its examples are the bodies of the events and their answers, and every
event and answer fits the schema. Those that are bad on purpose must not.
"""

import base64
import json
import pathlib
import sys

import yaml
from jsonschema import Draft202012Validator

from events import EVENTS, events, stored

DESCRIPTION = yaml.safe_load((EVENTS.parent / "docs" / "openapi.yaml").read_text())
JSON = "application/json"


def fits(schema, value):
    return Draft202012Validator({"components": DESCRIPTION["components"], **schema}).is_valid(value)


def resolve(part):
    while "$ref" in part:
        found = DESCRIPTION
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def body(event):
    text = event["body"]
    return json.loads(base64.b64decode(text) if event["isBase64Encoded"] else text)


def check(file):
    """What is wrong with an event and its answer."""
    event, answer = json.loads(file.read_text()), stored(file)
    path = event.get("rawPath", event.get("path"))
    path = next(known for known in DESCRIPTION["paths"] if path.endswith(known))
    operation = DESCRIPTION["paths"][path]["post"]
    request = operation["requestBody"]["content"][JSON]
    response = resolve(operation["responses"][str(answer["statusCode"])])["content"][JSON]
    if fits(request["schema"], body(event)) != (answer["statusCode"] != 400):
        yield "its body does not fit the schema, or is bad and does"
    if not fits(response["schema"], answer["body"]):
        yield "its answer does not fit the schema"
    for part, value in [(request, body(event)), (response, answer["body"])]:
        example = part.get("examples", {}).get(file.stem)
        if example is not None and example["value"] != value:
            yield "its example in docs/openapi.yaml is another"


def main():
    files = events() + events(webhooks=True)
    wrong = [f"{file.name}: {complaint}" for file in files for complaint in check(file)]
    known = {file.stem for file in files}
    for path, operations in DESCRIPTION["paths"].items():
        operation = operations["post"]
        contents = [operation["requestBody"], *map(resolve, operation["responses"].values())]
        named = {name for content in contents for name in content["content"][JSON].get("examples", {})}
        wrong += [f"{path}: there is no event for the example {name}" for name in sorted(named - known)]
    print("\n".join(wrong) or f"ok    {len(files)} events and their answers fit docs/openapi.yaml")
    sys.exit(1 if wrong else 0)


main()
