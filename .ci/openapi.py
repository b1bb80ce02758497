"""Holds events/ against docs/openapi.yaml: its examples are the bodies of the events and their answers, and every
event and answer fits the schema. Those that are bad on purpose must not. Or holds what the tests asked and were
answered against it, as they noted it in the file of their variable EXCHANGES.

usage: openapi.py [EXCHANGES]
"""

import base64
import json
import pathlib
import re
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


# Why a body may be refused that fits the schema: what no pattern says, what is not in the body, and
# what only one of the dialects refuses.
BEYOND_THE_SCHEMA = re.compile(r"WholeHistory|bytes|different ids|given twice|order_by|Host|query string|base64")
# Which numbers with an exponent are whole and in bounds.
EXPONENT = re.compile(r'"(from|limit)": "-?[0-9.]+[eE]')


def is_refused_wrongly(exchange, schema):
    """Whether a body is refused as none, though it fits the schema."""
    request, answer = exchange["request"], exchange["answer"]
    if exchange["status"] != 400 or request is None or BEYOND_THE_SCHEMA.search(answer["msg"]):
        return False
    return fits(schema, request) and not EXPONENT.search(json.dumps(request))


def check_exchange(exchange):
    """What is wrong with what a test asked and was answered."""
    path = "/" + "/".join(part for part in exchange["path"].split("/") if part)
    # A stage or a base path may be before it; what is at no path is answered as at the first.
    known = next((known for known in DESCRIPTION["paths"] if path.endswith(known)), next(iter(DESCRIPTION["paths"])))
    operations = DESCRIPTION["paths"][known]
    operation = operations.get(exchange["method"].lower(), operations["post"])
    response = operation["responses"].get(str(exchange["status"]))
    if response is None:
        yield f"{exchange['status']} is not documented"
    elif not fits(resolve(response)["content"][JSON]["schema"], exchange["answer"]):
        yield "its answer does not fit the schema"
    if "requestBody" not in operation:
        return
    asked = operation["requestBody"]["content"][JSON]["schema"]
    if exchange["answer"]["status"] and not fits(asked, exchange["request"]):
        yield "it succeeds, and its body does not fit the schema"
    if is_refused_wrongly(exchange, asked):
        yield "it is refused, and its body fits the schema"


def check_exchanges(file):
    """What is wrong with the exchanges of a file."""
    exchanges = [json.loads(line) for line in pathlib.Path(file).read_text().splitlines()]
    wrong = [f"{complaint}: {json.dumps(one)[:2000]}" for one in exchanges for complaint in check_exchange(one)]
    if {known for known in DESCRIPTION["paths"] for one in exchanges if one["path"] == known} != set(DESCRIPTION["paths"]):
        wrong.append("some of the paths were not asked")
    return wrong, f"ok    {len(exchanges)} requests and answers of the tests fit docs/openapi.yaml"


def check_events():
    """What is wrong with the events and the examples."""
    files = events() + events(webhooks=True)
    wrong = [f"{file.name}: {complaint}" for file in files for complaint in check(file)]
    known = {file.stem for file in files}
    for path, operations in DESCRIPTION["paths"].items():
        operation = operations["post"]
        contents = [operation["requestBody"], *map(resolve, operation["responses"].values())]
        named = {name for content in contents for name in content["content"][JSON].get("examples", {})}
        wrong += [f"{path}: there is no event for the example {name}" for name in sorted(named - known)]
    return wrong, f"ok    {len(files)} events and their answers fit docs/openapi.yaml"


def main():
    wrong, right = check_exchanges(*sys.argv[1:]) if sys.argv[1:] else check_events()
    print("\n".join(wrong) or right)
    sys.exit(1 if wrong else 0)


main()
