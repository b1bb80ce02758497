"""Runs a built bootstrap under Lambda's runtime interface emulator, against a local DynamoDB with
the sample history. Compares its answer to every invocation of events/ with the one stored next to
it, and checks its log. Then it lets DynamoDB hang, and checks that every invocation is answered
with 503 before the function's timeout. Where a second bootstrap is named, that of the webhooks, it
gets those of events/ first.

usage: replay.py BOOTSTRAP LOCAL_RUN [WEBHOOK_BOOTSTRAP]
"""

import contextlib
import json
import re
import socket
import sys
import time

from emulator import Function
from events import EVENTS, check, events
from local import environment, local_dynamodb


@contextlib.contextmanager
def hanging_dynamodb():
    """A server that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def replay(bootstrap, endpoint, log):
    """The files whose answer is not the one stored."""
    with Function(bootstrap, environment(endpoint)) as function:
        wrong = [file.name for file in events() if not check(file, function.invoke(file.read_bytes()))]
        # Comes behind the function's own lines.
        function.report()
        wrong += check_log(function.lines)
        log += function.lines
    return wrong


def replay_webhooks(bootstrap, endpoint):
    """The webhooks whose answer is not the one stored."""
    with Function(bootstrap, environment(endpoint)) as function:
        return [file.name for file in events(webhooks=True) if not check(file, function.invoke(file.read_bytes()))]


def check_log(lines):
    """What is wrong with the log. It must have one JSON line for each request, with the request's
    id, and only the first may be a cold start."""
    log = [json.loads(line) for line in lines if line.startswith("{")]
    requests = [line for line in log if line.get("message") == "request"]
    complaints = []
    if len(requests) != len(events()):
        complaints.append(f"{len(requests)} request lines for {len(events())} invocations")
    if [line["cold_start"] for line in requests] != [True] + [False] * (len(requests) - 1):
        complaints.append("cold_start is not on the first line only")
    # The first line names the version, before there is an invocation.
    for line in (line for line in log if line.get("message") != "start"):
        if not re.fullmatch(r"[0-9a-f-]{36}", line.get("span", {}).get("request_id", "")):
            complaints.append(f"no request id: {line}")
        if "local-demo-secret" in json.dumps(line):
            complaints.append("the secret is in the log")
    return complaints


# Words of CloudWatch Logs Insights in the documented queries, and what they compare with. All
# others are fields.
QUERY_WORDS = set("filter stats fields sort limit by desc count pct sum avg max bin h request @timestamp".split())


def check_queries(lines):
    """Fields of the documented queries that no line of the log has. The query of errors is about all
    three functions: tests/it/logs.rs holds it to what they log."""
    operations = (EVENTS.parent / "docs" / "use" / "operations.md").read_text()
    queries = re.search(r"```text\n(# Latency.*?)```", operations, re.DOTALL)[1]
    queries = re.sub(r"^# Errors.*?^(?=#)", "", queries, flags=re.MULTILINE | re.DOTALL)
    queries = re.sub(r"^#.*$", "", queries, flags=re.MULTILINE)
    used = set(re.findall(r"[@a-zA-Z_][a-zA-Z_.]*", queries)) - QUERY_WORDS
    logged = set()
    for line in lines:
        if line.startswith("{"):
            line = json.loads(line)
            logged |= set(line) | {f"span.{field}" for field in line.get("span", {})}
    return [f"docs/use/operations.md queries {field}, which no line of the log has" for field in sorted(used - logged)]


def hang(bootstrap, log):
    """Invocations against a hanging DynamoDB that were not answered with 503 in time."""
    timeout, wrong = 3, []
    event = (EVENTS / "http-api.json").read_bytes()
    with hanging_dynamodb() as endpoint, Function(bootstrap, environment(endpoint), timeout) as function:
        for number in range(3):
            start = time.monotonic()
            answer = json.loads(function.invoke(event))
            seconds = time.monotonic() - start
            right = answer.get("statusCode") == 503 and seconds < timeout
            print(f"{'ok   ' if right else 'WRONG'} DynamoDB hangs: {answer.get('statusCode')} after {seconds:.2f} s of {timeout} s")
            if not right:
                wrong.append(f"hang {number}: {answer}")
        log += function.lines
    return wrong


def main():
    bootstrap, local_run, *webhook = sys.argv[1:]
    log = []
    with local_dynamodb(local_run) as endpoint:
        wrong = replay_webhooks(webhook[0], endpoint) if webhook else []
        wrong += replay(bootstrap, endpoint, log)
    wrong += hang(bootstrap, log)
    wrong += check_queries(log)
    for complaint in wrong:
        print(complaint)
    sys.exit(1 if wrong else 0)


main()
