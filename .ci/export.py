"""Fills databases of plugNmeet servers of all kinds, runs the commands of docs/use/import.md on each, and compares every row
of the table with what was put into the database. The rows are read with plain HTTP.

usage: export.py FOLDER SOCKET LOCAL_RUN
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.request

from local import local_dynamodb
from plugnmeet_sessions import expected, inserts, sessions
from plugnmeet_tables import SERVERS, statements

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def documented_commands():
    """The two commands of the documentation: the export, the import."""
    blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "docs/use/import.md").read_text(), re.DOTALL)
    [export] = [block for block in blocks if block.startswith("mysql ")]
    [imported] = [block for block in blocks if re.search(r"^past-rooms-admin import history.jsonl$", block, re.MULTILINE)]
    return export, imported


def run(script, folder, environment, text=None):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, text=True,
                          input=text, capture_output=True)
    if done.returncode:
        raise SystemExit(f"{script}\nexited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def stored(endpoint, room_id):
    """The sessions of a room, sorted, with plain values."""
    request = urllib.request.Request(endpoint, json.dumps({
        "TableName": "past-rooms", "KeyConditionExpression": "room_id = :room",
        "ExpressionAttributeValues": {":room": {"S": room_id}},
    }).encode(), {
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.Query",
        "X-Amz-Date": "20260101T000000Z", "Authorization": "AWS4-HMAC-SHA256 "
        "Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
    })
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    assert "LastEvaluatedKey" not in answer, "the sessions of a room fit into one answer"
    for item in answer["Items"]:
        if item["created_sid"]["S"][0].isdigit():
            yield {name: int(value["N"]) if "N" in value else value.get("S") for name, value in item.items()}


def check(name, server, folder, environment, endpoint):
    """What is wrong after the export and import of a server's history."""
    room_id, rows = f"export-{name}", sessions(name, server)
    run("mysql -e 'DROP DATABASE IF EXISTS plugnmeet; CREATE DATABASE plugnmeet CHARACTER SET utf8mb4'", folder, environment)
    text = statements(server) + "\n".join(inserts(room_id, server, rows))
    run("mysql --default-character-set=utf8mb4 plugnmeet", folder, environment, text)

    script = (REPOSITORY / "docs/export.sql").read_text()
    for line, own in [("SET @prefix = 'pnm_';", server.get("prefix")),
                      ("SET time_zone = '+00:00';", server.get("loc_hours"))]:
        assert script.count(f"\n{line}\n") == 1, line
        if own:
            script = script.replace(line, line.replace("pnm_", str(own)).replace("+00:00", f"+0{own}:00"))
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs/export.sql").write_text(script)

    exported, imported = documented_commands()
    run(exported, folder, environment)
    right = sorted(expected(room_id, server, rows), key=lambda item: item["created_sid"])
    summaries = [run(imported, folder, environment) for _ in range(2)]
    wrong = []
    for summary, counts in zip(summaries, [f"{len(right)} new, 0 changed, 0 unchanged, 0 rejected",
                                           f"0 new, 0 changed, {len(right)} unchanged, 0 rejected"]):
        if counts not in summary:
            wrong.append(f"expected {counts}: {summary}")
    there = list(stored(endpoint, room_id))
    if len(there) != len(right):
        wrong.append(f"{len(there)} rows, expected {len(right)}")
    for is_there, is_right in zip(there, right):
        # Attributes that an import does not bring may be there as well.
        is_there = {name: is_there.get(name) for name in is_right | {"analytics_file_id": None}}
        is_right = {"analytics_file_id": None} | is_right
        if is_there != is_right:
            wrong.append(f"stored {is_there}\nright  {is_right}")
    print(f"{'WRONG' if wrong else 'ok   '} the history of plugNmeet {name}: {len(right)} sessions of {len(rows)} rows")
    return wrong


def main():
    folder, socket, local_run = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    (folder / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={socket}\n")
    wrong = []
    with local_dynamodb(local_run) as endpoint:
        environment = {
            **os.environ, "HOME": str(folder), "AWS_ENDPOINT_URL_DYNAMODB": endpoint, "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
            "PATH": f"{REPOSITORY / 'target/debug'}:{os.environ['PATH']}",
        }
        for name, server in SERVERS.items():
            wrong += check(name, server, folder, environment, endpoint)
    for complaint in wrong[:20]:
        print(complaint)
    sys.exit(1 if wrong else 0)


main()
