"""The three built functions under Lambda's runtime interface emulator."""

import json
import re

from events import comparable, events, stored
from local import EVENTS
from templates import PARSED

# Words of CloudWatch Logs Insights in the saved queries. All others are fields.
QUERY_WORDS = set("filter stats fields sort limit by desc count pct sum avg max bin h request @timestamp".split())


def test_events_have_the_stored_answers(local_run, function):
    with function("past-rooms-webhook", local_run) as webhook:
        for event in events(webhooks=True):
            assert comparable(webhook.invoke(event.read_bytes())) == stored(event), event.name
    with function("past-rooms", local_run) as api:
        for event in events():
            assert comparable(api.invoke(event.read_bytes())) == stored(event), event.name
        log = api.log()
    lines = [line for line in log if line["message"] == "request"]
    assert [line["cold_start"] for line in lines] == [True] + [False] * (len(events()) - 1)
    assert all(re.fullmatch("[0-9a-f-]{36}", line["span"]["request_id"]) for line in lines)
    assert "local-demo-secret" not in json.dumps(log)
    # tests/it/logs.rs compares the query of errors.
    resources = (it for name, it in PARSED["Resources"].items() if name != "ErrorsQuery")
    queries = [it["Properties"]["QueryString"] for it in resources if it["Type"] == "AWS::Logs::QueryDefinition"]
    logged = {name for line in log for name in [*line, *(f"span.{field}" for field in line.get("span", {}))]}
    assert len(queries) == 4 and set(re.findall(r"[@a-zA-Z_][a-zA-Z_.]*", " ".join(queries))) - QUERY_WORDS <= logged


def test_stream_function_counts_an_external_write(start_local, function):
    event = json.loads((EVENTS / "stream" / "foreign.json").read_text())
    with start_local("--no-stream") as run, function("past-rooms-stream", run) as stream:
        dynamodb = run.client()
        dynamodb.put_item(TableName="past-rooms", Item=event["Records"][0]["dynamodb"]["NewImage"])
        tally = {"room_id": {"S": "room01"}, "created_sid": {"S": "#2026-11"}}
        counts = []
        for _ in range(2):
            assert stream.call(event) == {"batchItemFailures": []}
            counts.append(dynamodb.get_item(TableName="past-rooms", Key=tally, ConsistentRead=True)["Item"]["514"])
        assert counts == [{"N": "1"}] * 2
        assert "errorMessage" in stream.call({"Records": [{}]})
        facts = [[line[name] for name in ("events", "corrected", "cold_start")] for line in stream.log() if line["message"] == "stream"]
        assert facts == [[2, 1, True], [2, 0, False]]
