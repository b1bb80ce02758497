"""The DynamoDB of the local run, and the function's environment variables for it."""

import contextlib
import json
import pathlib
import subprocess

from emulator import free_port

EVENTS = pathlib.Path(__file__).parent.parent / "events"


def environment(endpoint, **more):
    variables = json.loads((EVENTS / "env.json").read_text())["Function"]
    return {
        **variables,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        **more,
    }


@contextlib.contextmanager
def local_dynamodb(local_run):
    """The DynamoDB of `cargo run --example local`, with the sample history."""
    port = free_port()
    command = [local_run, "--listen", "127.0.0.1:0", "--dynamodb", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if line.startswith("Try it"):
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
