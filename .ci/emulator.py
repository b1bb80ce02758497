"""Runs a bootstrap as Lambda does, in the runtime interface emulator of the aws-sam-cli package."""

import http.client
import importlib.util
import os
import pathlib
import platform
import queue
import re
import socket
import subprocess
import threading
import time


# Where the emulator's log says how long the initialisation and an invocation took.
REPORTS = {
    "init": re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)"),
    "invoke": re.compile(r"INVOKE RTDONE\(.*duration: ([0-9.]+)ms\)"),
}


def emulator_binary():
    """The emulator for this machine, in the aws-sam-cli of this Python."""
    package = importlib.util.find_spec("samcli")
    if package is None:
        raise SystemExit("aws-sam-cli is not installed here; run this with the Python of .ci/tools")
    arch = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    folder = pathlib.Path(package.submodule_search_locations[0]) / "local" / "rapid"
    return folder / f"aws-lambda-rie-{arch}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Function:
    """A bootstrap in the emulator: one execution environment, with its cold start at the first
    invocation."""

    def __init__(self, bootstrap, environment, timeout_seconds=10):
        self.port = free_port()
        self.lines = []
        self._reports = queue.Queue()
        self._process = subprocess.Popen(
            [
                emulator_binary(),
                "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                "--runtime-api-address", f"127.0.0.1:{free_port()}",
                os.path.abspath(bootstrap),
            ],
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
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.01)

    def _collect(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            for name, pattern in REPORTS.items():
                if found := pattern.search(line):
                    self._reports.put((name, float(found[1])))

    def invoke(self, event):
        """The function's answer to an event; both are bytes."""
        while not self._reports.empty():
            self._reports.get()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/2015-03-31/functions/function/invocations", event)
            return connection.getresponse().read()
        finally:
            connection.close()

    def report(self):
        """Milliseconds that the last invocation took: `invoke` and, if it was the first, `init`."""
        report = {}
        while "invoke" not in report:
            name, milliseconds = self._reports.get(timeout=10)
            report[name] = milliseconds
        return report

    def process_ids(self):
        """The processes of the bootstrap, children of the emulator's."""
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        own = children.read_text().split()
        return [int(child) for child in own] or [
            int(status.parent.name)
            for status in pathlib.Path("/proc").glob("[0-9]*/status")
            if f"\nPPid:\t{self._process.pid}\n" in _read(status)
        ]

    def stop(self):
        self._process.kill()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def _read(path):
    try:
        return path.read_text()
    except OSError:
        return ""
