"""The local run (`cargo run --example local`), and what a function needs to use its DynamoDB."""

import base64
import collections
import contextlib
import hashlib
import hmac
import json
import pathlib
import re
import socket
import subprocess
import threading
import time

import boto3
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
KEY, SECRET = "plugnmeet", "local-demo-secret"
PATH = "/auth/room/fetchPastRooms"
AWS = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, seconds=20):
    """Returns the condition's value once it is true. An OSError counts as false."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if value := condition():
                return value
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def drain(pipe):
    """Reads the rest of a process's output, which must not fill the pipe."""
    threading.Thread(target=collections.deque, args=(pipe, 0), daemon=True).start()


def wait_for_port(port):
    wait_until(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close() is None)


def sign(body, secret=SECRET):
    """Returns the headers that sign a body, given as bytes."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "API-KEY": KEY, "HASH-SIGNATURE": signature}


def webhook_token(body, secret=SECRET):
    """Returns the token that signs a webhook's body, given as bytes."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iss": KEY, "exp": int(time.time()) + 300, "sha256": digest}]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, "sha256")).rstrip(b"=")
    return (signed + b"." + signature).decode()


class LocalRun:
    """A running local run: `url` is the API's, `dynamodb` that of its DynamoDB."""

    def __init__(self, url, dynamodb):
        self.url, self.dynamodb = url, dynamodb

    def ask(self, body, **options):
        """Posts a signed request. A dict is sent as JSON, bytes as they are."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(self.url + PATH, body, headers=sign(body), timeout=20, **options)

    def environment(self):
        """Returns the variables that lead the AWS SDK and the AWS CLI to this DynamoDB."""
        return {**AWS, "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb}

    def client(self):
        access = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.client("dynamodb", endpoint_url=self.dynamodb, region_name="us-east-1", **access)

    def table(self, name="past-rooms"):
        access = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.resource("dynamodb", endpoint_url=self.dynamodb, region_name="us-east-1", **access).Table(name)

    def rows(self):
        """Returns the sessions of all rooms, sorted, as boto3's plain values."""
        table, rows, page = self.table(), [], {"LastEvaluatedKey": None}
        while "LastEvaluatedKey" in page:
            after = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if rows else {}
            page = table.scan(ConsistentRead=True, **after)
            rows += [row for row in page["Items"] if row["created_sid"][0].isdigit()]
        return sorted(rows, key=lambda row: (row["created_sid"], row["room_id"]))


@contextlib.contextmanager
def local_run(program, *flags, listen="127.0.0.1:0", dynamodb="127.0.0.1:0"):
    """Starts the local run, by default on free ports."""
    command = [program, "--listen", listen, "--dynamodb", dynamodb, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        found = {}
        for line in process.stdout:
            if match := re.match(r"(endpoint|DynamoDB) +(http://[^/ ]+)", line):
                found[match[1]] = match[2]
            if line.startswith("Try it"):
                break
        else:
            raise RuntimeError(f"{program} did not start")
        drain(process.stdout)
        yield LocalRun(found["endpoint"], found["DynamoDB"])
    finally:
        process.kill()
        process.wait()


def function_environment(local, name="Function"):
    """Returns a function's variables: those of events/env.json, with the local run's DynamoDB."""
    variables = json.loads((EVENTS / "env.json").read_text())[name]
    # The path is that of Lambda's image.
    variables.pop("SSL_CERT_FILE", None)
    return {**variables, **local.environment(), "AWS_LAMBDA_LOG_FORMAT": "JSON"}
