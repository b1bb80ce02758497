"""What a webhook costs in processor time, against one room's first page in the same run.

Runs both built functions under Lambda's runtime interface emulator with the local run's DynamoDB, and
reads the processes' own accounting (user and system time) before and after.

usage: cost.py PAST_ROOMS WEBHOOK LOCAL_RUN [EVENTS]
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / ".ci"))

from emulator import Function  # noqa: E402
from local import EVENTS, environment, local_dynamodb  # noqa: E402

SECRET, START = b"local-demo-secret", 1_795_341_600
HEADER = b'{"alg":"HS256","typ":"JWT"}'


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def webhook(name, sid, at, **more):
    """An event, signed, as API Gateway passes it on."""
    room = {"sid": sid, "room_id": "cost", "creation_time": str(START), "metadata": '{"room_title":"Cost"}'}
    body = json.dumps({"event": name, "room": room, "created_at": str(START + at), **more})
    claims = {"iss": "plugnmeet", "exp": 4102444800, "sha256": base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}
    signed = f'{encode(HEADER)}.{encode(json.dumps(claims).encode())}'
    token = f"{signed}.{encode(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest())}"
    event = json.loads((EVENTS / "webhook-1-room-created.json").read_text())
    event["headers"].update({"authorization": token, "hash-token": token})
    event["body"] = body
    return json.dumps(event).encode()


def first_page():
    event = json.loads((EVENTS / "http-api.json").read_text())
    event["body"] = '{"room_ids":["room01"],"limit":20}'
    event["headers"]["hash-signature"] = hmac.new(SECRET, event["body"].encode(), hashlib.sha256).hexdigest()
    return json.dumps(event).encode()


def meeting(sid, people):
    """A meeting: everybody comes and goes."""
    yield webhook("room_created", sid, 0)
    for name, at in (("participant_joined", 1), ("participant_left", 500)):
        for number in range(people):
            yield webhook(name, sid, at + number, participant={"identity": f"user-{number}"})
    yield webhook("session_ended", sid, 600)
    yield webhook("room_finished", sid, 601)
    yield webhook("artifact_created", sid, 660, room_artifact={"type": "MEETING_ANALYTICS", "artifact_id": sid})


def processor_milliseconds(function):
    seconds = 0
    for process in function.process_ids():
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds * 1000


def measure(bootstrap, endpoint, invocations):
    """Processor milliseconds of an invocation, on average, warm."""
    with Function(bootstrap, environment(endpoint)) as function:
        function.invoke(invocations[0])
        before = processor_milliseconds(function)
        for invocation in invocations:
            answer = json.loads(function.invoke(invocation))
            assert answer["statusCode"] == 200, answer
        return (processor_milliseconds(function) - before) / len(invocations)


def main():
    past_rooms, webhook_function, local_run, *count = sys.argv[1:]
    count = int(count[0]) if count else 3000
    with local_dynamodb(local_run) as endpoint:
        page = measure(past_rooms, endpoint, [first_page()] * count)
        joins = [webhook("participant_joined", "SID_joins", at, participant={"identity": f"user-{at}"}) for at in range(count)]
        print(f"first page of 20         {page:.3f} ms")
        for name, events in {
            "participant_joined": joins,
            "meeting of 30 people": [event for number in range(count // 64) for event in meeting(f"SID_30_{number}", 30)],
            "meeting of 5 people": [event for number in range(count // 14) for event in meeting(f"SID_5_{number}", 5)],
        }.items():
            cost = measure(webhook_function, endpoint, events)
            print(f"{name:<24} {cost:.3f} ms an event, {cost / page:.2f} of a page")


main()
