"""Replays every event of events/ through `sam local invoke`, each in a container of its own, those of the other functions
too, and runs the signed request of docs/use/in-a-container.md against `sam local start-api`. Both find the local run's DynamoDB
by its address on this machine. No function may log an error: its container ends when it has answered, and that is a normal
end.

usage: containers.py LOCAL_RUN ADDRESS
"""

import concurrent.futures
import contextlib
import json
import subprocess
import sys
import time

from events import EVENTS, check, events, stored
from local import local_dynamodb
from snippets import snippets


def invoke(event, *function):
    command = ["sam", "local", "invoke", *function, "-e", str(event.relative_to(EVENTS.parent))]
    return subprocess.run(command, cwd=EVENTS.parent, capture_output=True, text=True)


def replay():
    """The events that were not answered as stored."""
    first, *others = events()
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        # The first one makes the image that all run in.
        for event, done in [(first, invoke(first)), *zip(others, pool.map(invoke, others))]:
            if not check(event, done.stdout):
                print(done.stderr)
                wrong.append(event.name)
            wrong += [f"{event.name}: {line}" for line in errors(done.stderr)]
    return wrong


def replay_others():
    """What is wrong with the answers of the functions that SAM has to be told."""
    wrong = []
    # One after the other, in the order of a meeting: each must find what those before it have noted.
    for event in events(webhooks=True):
        done = invoke(event, "WebhookFunction")
        if not check(event, done.stdout):
            print(done.stderr)
            wrong.append(event.name)
        wrong += [f"{event.name}: {line}" for line in errors(done.stderr)]
    event = EVENTS / "stream" / "foreign.json"
    done = invoke(event, "StreamFunction")
    right = done.stdout.strip() == '{"batchItemFailures": []}'
    print(f"{'ok   ' if right else 'WRONG'} stream/{event.name}: {done.stdout.strip() or done.stderr}")
    return wrong + ([] if right else [f"stream/{event.name}"])


def errors(log):
    return [line for line in log.splitlines() if "ERROR" in line]


@contextlib.contextmanager
def start_api(log):
    process = subprocess.Popen(["sam", "local", "start-api"], cwd=EVENTS.parent, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            log.append(line)
            if "Running on" in line:
                break
        else:
            raise SystemExit("".join(log))
        yield
    finally:
        process.terminate()
        log.append(process.communicate(timeout=60)[1])


def signed_request():
    """The documented request to the API, and what is wrong with its answer."""
    (script,) = [block for block in snippets("in-a-container.md", "sh") if "curl" in block]
    log = []
    with start_api(log):
        answer = subprocess.run(["bash", "-euo", "pipefail", "-c", script], stdout=subprocess.PIPE, check=True).stdout
    expected = stored(EVENTS / "http-api.json")["body"]
    right = json.loads(answer) == expected
    print(f"{'ok   ' if right else 'WRONG'} sam local start-api: a signed request")
    wrong = [] if right else [f"sam local start-api: {answer}"]
    return wrong + [f"sam local start-api: {line}" for line in errors("".join(log))]


def main():
    local_run, address = sys.argv[1:]
    start = time.monotonic()
    # As docs/use/in-a-container.md has it: where containers are led to loopback, without the flag.
    flags = [] if address == "127.0.0.1" else ["--container"]
    with local_dynamodb(local_run, "127.0.0.1:8000", *flags):
        wrong = replay() + replay_others() + signed_request()
    print(f"{time.monotonic() - start:.0f} s")
    for complaint in wrong:
        print(complaint)
    sys.exit(1 if wrong else 0)


main()
