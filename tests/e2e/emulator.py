"""A built function in Lambda's runtime interface emulator, which the package aws-sam-cli contains."""

import importlib.util
import json
import os
import pathlib
import platform
import queue
import re
import subprocess
import threading

import requests
from local import free_port, wait_for_port

# Durations in the emulator's log.
REPORTS = {
    "init": re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)"),
    "invoke": re.compile(r"INVOKE RTDONE\(.*duration: ([0-9.]+)ms\)"),
}


def emulator_binary():
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    package = importlib.util.find_spec("samcli").submodule_search_locations[0]
    return pathlib.Path(package) / "local" / "rapid" / f"aws-lambda-rie-{machine}"


class Function:
    """One execution environment. Its cold start comes with the first invocation."""

    def __init__(self, bootstrap, environment, timeout_seconds=10):
        port = free_port()
        self.lines = []
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self._session = requests.Session()
        self._reports = queue.Queue()
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        self._process = subprocess.Popen(
            [emulator_binary(), *addresses, bootstrap],
            env={
                "PATH": os.environ["PATH"],
                "AWS_LAMBDA_FUNCTION_NAME": "past-rooms",
                "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._collect, daemon=True).start()
        wait_for_port(port)

    def _collect(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            for name, pattern in REPORTS.items():
                if found := pattern.search(line):
                    self._reports.put((name, float(found[1])))

    def invoke(self, event):
        """Returns the function's answer to an event, both as bytes."""
        while not self._reports.empty():
            self._reports.get()
        return self._session.post(self._url, event, timeout=60).content

    def call(self, event):
        """Returns the function's answer to an event, both as JSON."""
        return json.loads(self.invoke(json.dumps(event).encode()))

    def report(self):
        """Returns the milliseconds of the last invocation: `invoke` and, of a cold start, `init`."""
        report = {}
        while "invoke" not in report:
            name, milliseconds = self._reports.get(timeout=10)
            report[name] = milliseconds
        return report

    def log(self):
        """Returns the function's own log lines. Waits for the end of the last invocation."""
        self.report()
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def process_ids(self):
        """Returns the processes of the bootstrap, which are children of the emulator's."""
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
