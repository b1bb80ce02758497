"""The invocations of events/ and the answers stored beside them."""

import json

from local import EVENTS


def events(webhooks=False):
    """Returns the API's invocations, or the webhook function's, in their order."""
    files = [file for file in EVENTS.glob("*.json") if file.name != "env.json" and ".answer." not in file.name]
    return sorted(file for file in files if file.name.startswith("webhook-") == webhooks)


def stored(event):
    """Returns the expected answer to an event: HTTP status, and the body as JSON."""
    return json.loads(event.with_name(f"{event.stem}.answer.json").read_text())


def comparable(answer):
    """Returns a function's answer in the form of the stored ones."""
    answer = json.loads(answer)
    return {"statusCode": answer["statusCode"], "body": json.loads(answer["body"])}
