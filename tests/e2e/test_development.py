"""The development loop of CONTRIBUTING.md: `cargo lambda watch` and `cargo lambda invoke`."""

import os
import shutil
import signal
import subprocess

import pytest
from events import comparable, stored
from local import EVENTS, ROOT, wait_until


@pytest.mark.skipif(not shutil.which("cargo-lambda"), reason="cargo-lambda is not on the PATH; `.ci/run` puts it there")
def test_cargo_lambda_watch_answers(start_local):
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--bin", "past-rooms"], cwd=ROOT, check=True)
    event = EVENTS / "http-api.json"
    with start_local(listen="127.0.0.1:9001", dynamodb="127.0.0.1:8000"):
        watch = ["cargo", "lambda", "watch", "--ignore-changes"]
        process = subprocess.Popen(watch, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

        def invoke():
            command = ["cargo", "lambda", "invoke", "--data-file", event]
            return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

        try:
            assert comparable(wait_until(invoke, 120)) == stored(event)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
