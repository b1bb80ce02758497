"""Plays a meeting of 30 people and looks whether it is in fetchPastRooms within a second of its end, with the
right total: on the local run, and through the built functions under Lambda's runtime interface emulator.

usage: replay_meeting.py LOCAL_RUN [BOOTSTRAP WEBHOOK_BOOTSTRAP]
"""

import json
import sys
import time
import urllib.request

from emulator import Function
from local import environment, local_run
from webhooks import invocation, meeting, page, page_invocation, token

PEOPLE = 30


def play(name, room_id, send, newest):
    """Whether the meeting was played as it should. `send` takes a webhook's body, `newest` a room's id."""
    total = newest(room_id)["total_rooms"] if newest(room_id) else 0
    for body in meeting(room_id, f"SID_{room_id}", PEOPLE):
        if '"room_finished"' in body:
            break
        send(body)
    start = time.monotonic()
    found = newest(room_id)
    seconds = time.monotonic() - start
    session = found["rooms_list"][0] if found else {}
    facts = (found and found["total_rooms"], session.get("room_sid"), session.get("joined_participants"))
    right = facts == (total + 1, f"SID_{room_id}", PEOPLE) and seconds < 1
    print(f"{'ok   ' if right else 'WRONG'} a meeting on {name}: {facts}, {seconds * 1000:.1f} ms after its end")
    return right


def on_local_run(url):
    def post(path, body, headers):
        request = urllib.request.Request(url + path, body.encode(), {"content-type": "application/json", **headers})
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def newest(room_id):
        body, signature = page([room_id], 1)
        headers = {"API-KEY": "plugnmeet", "HASH-SIGNATURE": signature}
        try:
            return post("/auth/room/fetchPastRooms", body, headers)["result"]
        except urllib.error.HTTPError:
            return None

    return play("the local run", "room01", lambda body: post("/webhook", body, {"Hash-Token": token(body)}), newest)


def on_functions(endpoint, bootstrap, webhook_bootstrap):
    with Function(bootstrap, environment(endpoint)) as api, Function(webhook_bootstrap, environment(endpoint)) as webhooks:

        def send(body):
            answer = json.loads(webhooks.invoke(invocation(body)))
            assert answer["statusCode"] == 200, answer

        def newest(room_id):
            return json.loads(json.loads(api.invoke(page_invocation([room_id], 1)))["body"]).get("result")

        return play("the functions", "math-101", send, newest)


def main():
    program, *bootstraps = sys.argv[1:]
    with local_run(program) as (url, endpoint):
        right = on_local_run(url)
        if bootstraps:
            right = on_functions(endpoint, *bootstraps) and right
    sys.exit(0 if right else 1)


main()
