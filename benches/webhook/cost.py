"""What a webhook costs in processor time, against one room's first page in the same run.

Runs both built functions under Lambda's runtime interface emulator with the local run's DynamoDB, and
reads the processes' own accounting (user and system time) before and after.

usage: cost.py PAST_ROOMS WEBHOOK LOCAL_RUN [EVENTS]
"""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / ".ci"))

from emulator import Function  # noqa: E402
from local import environment, local_dynamodb  # noqa: E402
from webhooks import body, invocation, meeting, page_invocation  # noqa: E402


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


def meetings(count, people):
    """The events of so many meetings, of which a room has one a day: those of 14 days are known at once."""
    numbers = range(count)
    return [event for number in numbers for event in meeting(f"cost-{people}-{number // 14}", f"SID_{people}_{number}", people)]


def main():
    past_rooms, webhook_function, local_run, *count = sys.argv[1:]
    count = int(count[0]) if count else 3000
    with local_dynamodb(local_run) as endpoint:
        page = measure(past_rooms, endpoint, [page_invocation(["room01"], 20)] * count)
        joins = [body("participant_joined", "cost", "SID_joins", at, participant={"identity": f"user-{at}"}) for at in range(count)]
        print(f"first page of 20         {page:.3f} ms")
        for name, events in {
            "participant_joined": joins,
            "meeting of 30 people": meetings(count // 64, 30),
            "meeting of 5 people": meetings(count // 14, 5),
        }.items():
            cost = measure(webhook_function, endpoint, [invocation(event) for event in events])
            print(f"{name:<24} {cost:.3f} ms an event, {cost / page:.2f} of a page")


main()
