"""Runs the built bootstrap of the function on the stream under Lambda's runtime interface emulator: a row
is put into a local DynamoDB that nobody counts, the function is invoked with events/stream/foreign.json,
and the row must be in the tally. Checks what it says of events that it cannot understand, and its log.

usage: replay_stream.py BOOTSTRAP LOCAL_RUN
"""

import json
import sys

import boto3

from emulator import Function
from events import EVENTS
from local import environment, local_dynamodb

TABLE = "past-rooms"


def invoke(function, event):
    return json.loads(function.invoke(json.dumps(event).encode()))


def replay(bootstrap, endpoint):
    """What is wrong."""
    wrong = []

    def expect(what, found, expected):
        right = found == expected
        print(f"{'ok   ' if right else 'WRONG'} {what}: {found}")
        if not right:
            wrong.append(what)

    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    event = json.loads((EVENTS / "stream" / "foreign.json").read_text())

    def tallied():
        tally = {"room_id": {"S": "room01"}, "created_sid": {"S": "#2026-11"}}
        month = dynamodb.get_item(TableName=TABLE, Key=tally, ConsistentRead=True)["Item"]
        return month.get("514", {}).get("N")

    dynamodb.put_item(TableName=TABLE, Item=event["Records"][0]["dynamodb"]["NewImage"])
    expect("nobody counts the row", tallied(), None)
    with Function(bootstrap, environment(endpoint)) as function:
        expect("the events are dealt with", invoke(function, event), {"batchItemFailures": []})
        expect("the row is counted", tallied(), "1")
        expect("the events come again", invoke(function, event), {"batchItemFailures": []})
        expect("the row is counted once", tallied(), "1")
        malformed = json.loads(json.dumps(event))
        del malformed["Records"][1]["dynamodb"]["Keys"]
        failed = {"batchItemFailures": [{"itemIdentifier": "100000000000000000002"}]}
        expect("an event without keys", invoke(function, malformed), failed)
        expect("no batch", "errorMessage" in invoke(function, {"Records": [{}]}), True)
        log = [json.loads(line) for line in function.lines if line.startswith("{")]
    lines = [line for line in log if line.get("message") == "stream"]
    facts = [[line[name] for name in ["events", "rooms", "corrected", "failed_events", "cold_start"]] for line in lines]
    expect("the log", facts, [[2, 2, 1, 0, True], [2, 2, 0, 0, False], [2, 1, 0, 1, False]])
    return wrong


def main():
    bootstrap, local_run = sys.argv[1:]
    with local_dynamodb(local_run, None, "--no-stream") as endpoint:
        sys.exit(1 if replay(bootstrap, endpoint) else 0)


main()
