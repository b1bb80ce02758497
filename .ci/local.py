"""The DynamoDB of the local run, and the function's environment variables for it."""

import contextlib
import json
import subprocess

from emulator import free_port
from events import EVENTS


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
def local_run(program, address=None, *flags):
    """`cargo run --example local`, with the sample history: its URL, and that of its DynamoDB, at an address or on a free
    port."""
    address = address or f"127.0.0.1:{free_port()}"
    command = [program, "--listen", "127.0.0.1:0", "--dynamodb", address, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = None
        for line in process.stdout:
            if line.startswith("webhooks"):
                url = line.split()[1].removesuffix("/webhook")
            if line.startswith("Try it"):
                break
        else:
            raise SystemExit(f"{program} did not start")
        yield url, f"http://{address}"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def local_dynamodb(program, address=None, *flags):
    """The DynamoDB of the local run."""
    with local_run(program, address, *flags) as (_, endpoint):
        yield endpoint
