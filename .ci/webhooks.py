"""Webhooks as plugNmeet sends them, signed with the demo secret."""

import base64
import hashlib
import hmac
import json

from events import EVENTS

SECRET, START = b"local-demo-secret", 1_795_341_600
HEADER = b'{"alg":"HS256","typ":"JWT"}'


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(body):
    """The token that signs a body."""
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    claims = {"iss": "plugnmeet", "exp": 4102444800, "sha256": digest}
    signed = f"{encode(HEADER)}.{encode(json.dumps(claims).encode())}"
    return f"{signed}.{encode(hmac.new(SECRET, signed.encode(), hashlib.sha256).digest())}"


def body(name, room_id, sid, at, **more):
    """What a webhook says."""
    room = {"sid": sid, "room_id": room_id, "creation_time": str(START), "metadata": '{"room_title":"A meeting"}'}
    return json.dumps({"event": name, "room": room, "created_at": str(START + at), **more})


def meeting(room_id, sid, people):
    """The bodies of a meeting: everybody comes and goes."""
    yield body("room_created", room_id, sid, 0)
    for name, at in (("participant_joined", 1), ("participant_left", 500)):
        for number in range(people):
            yield body(name, room_id, sid, at + number, participant={"identity": f"user-{number}"})
    yield body("session_ended", room_id, sid, 600)
    yield body("room_finished", room_id, sid, 601)
    yield body("artifact_created", room_id, sid, 660, room_artifact={"type": "MEETING_ANALYTICS", "artifact_id": sid})


def invocation(body):
    """A webhook as API Gateway passes it on."""
    event = json.loads((EVENTS / "webhook-1-room-created.json").read_text())
    event["headers"].update({"authorization": token(body), "hash-token": token(body)})
    event["body"] = body
    return json.dumps(event).encode()


def page(room_ids, limit):
    """A request for a page, and its signature."""
    body = json.dumps({"room_ids": room_ids, "limit": limit})
    return body, hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()


def page_invocation(room_ids, limit):
    """A request for a page as API Gateway passes it on."""
    event = json.loads((EVENTS / "http-api.json").read_text())
    event["body"], event["headers"]["hash-signature"] = page(room_ids, limit)
    return json.dumps(event).encode()
