"""The invocations of events/, and the answers stored beside them.

usage: events.py EVENT ANSWER    compares an answer to the one stored for the event, as `cargo lambda invoke` prints it
"""

import json
import pathlib
import sys

EVENTS = pathlib.Path(__file__).parent.parent / "events"


def events(webhooks=False):
    """The API's invocations, or those of the function that takes webhooks, in their order."""
    return sorted(
        file
        for file in EVENTS.glob("*.json")
        if file.name != "env.json" and ".answer." not in file.name and file.name.startswith("webhook-") == webhooks
    )


def stored(event):
    """The answer that an event must have: its HTTP status, and its body as JSON."""
    return json.loads(event.with_name(f"{event.stem}.answer.json").read_text())


def check(event, answer):
    """Whether the function's answer (its bytes) to an event is the one stored. Prints a line, and what came if not."""
    try:
        came = json.loads(answer)
        came = {"statusCode": came["statusCode"], "body": json.loads(came["body"])}
    except (ValueError, KeyError, TypeError):
        came = {"statusCode": "no answer", "body": answer}
    right = came == stored(event)
    print(f"{'ok   ' if right else 'WRONG'} {event.name}: {came['statusCode']}", flush=True)
    if not right:
        print(f"      {came['body']}")
    return right


if __name__ == "__main__":
    sys.exit(0 if check(pathlib.Path(sys.argv[1]), sys.argv[2]) else 1)
