"""The functions in containers, as docs/use/in-a-container.md runs them: every event through `sam local invoke`, and a
signed request through `sam local start-api`. Needs what `sam build` made."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import tempfile

import pytest
from conftest import apt_install
from events import comparable, events, stored
from local import EVENTS, ROOT, wait_until
from snippets import snippets

IMAGE = "public.ecr.aws/lambda/provided:al2023-x86_64"
WITH_EMULATOR = "public.ecr.aws/lambda/provided:al2023-rapid-x86_64"
STAND_IN = "past-rooms/stand-in-for-provided:al2023-x86_64"


def docker(*arguments, **options):
    return subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)


def is_up():
    return docker("info").returncode == 0


@contextlib.contextmanager
def engine():
    """The running Docker engine, or Debian's."""
    if shutil.which("docker") and is_up():
        yield
        return
    if os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and only root can start one")
    apt_install("dockerd docker iptables ip", "docker.io iptables iproute2")
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(["dockerd"], stdout=log, stderr=log) as process:
        try:
            with contextlib.suppress(AssertionError):
                wait_until(lambda: process.poll() is not None or is_up(), 60)
            if not is_up():
                log.seek(0)
                pytest.skip(f"dockerd does not start: {log.read()[-300:]}")
            yield
        finally:
            process.terminate()
            process.wait()
            subprocess.run(["ip", "link", "delete", "docker0"], stderr=subprocess.DEVNULL)


def make_stand_in(folder):
    """Makes an image of a small Debian with the folders and variables of Lambda's image. It is unpacked, not installed."""
    apt_install("debootstrap", "debootstrap")
    release = re.search(r"^VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)[1]
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {release}"]
    mirror = subprocess.check_output(targets, text=True).splitlines()[0]
    root = folder / "root"
    subprocess.run(["debootstrap", "--foreign", "--variant=minbase", release, root, mirror], check=True, stdout=subprocess.DEVNULL)
    for path in ["debootstrap", "var/cache/apt", "var/lib/apt", "usr/share/doc", "usr/share/locale", "usr/share/man"]:
        shutil.rmtree(root / path, ignore_errors=True)
    subprocess.run(["tar", "-C", root, "--exclude", "./dev/*", "-cf", folder / "image.tar", "."], check=True)
    changes = ["--change", "WORKDIR /var/task", "--change", "ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime"]
    docker("import", *changes, folder / "image.tar", STAND_IN, check=True)


@pytest.fixture
def image(tmp_path):
    """Lambda's image, or a stand-in under its name while the test runs."""
    if platform.machine() != "x86_64":
        pytest.skip("the template's default is x86_64")
    if not (ROOT / ".aws-sam/build/Function/bootstrap").exists():
        pytest.skip("`sam build` has not run")
    with engine():
        if docker("image", "inspect", IMAGE).returncode == 0 or docker("pull", "--quiet", IMAGE).returncode == 0:
            yield
            return
        if docker("image", "inspect", STAND_IN).returncode != 0:
            if os.geteuid() != 0:
                pytest.skip("Lambda's image cannot be fetched, and only root can make a stand-in")
            make_stand_in(tmp_path)
        docker("tag", STAND_IN, IMAGE, check=True)
        yield
        docker("image", "rm", "--force", WITH_EMULATOR, IMAGE)


def flags():
    """Returns the local run's flags. Docker Desktop leads containers to this machine's loopback, others to its bridge."""
    hosts = docker("run", "--rm", "--add-host", "host.docker.internal:host-gateway", "--entrypoint", "cat", IMAGE, "/etc/hosts", check=True)
    address = re.search(r"^(\S+)\s.*host.docker.internal", hosts.stdout.decode(), re.MULTILINE)[1]
    own = subprocess.check_output(["ip", "-o", "-4", "address"], text=True)
    return ["--container"] if f" {address}/" in own else []


def invoke(sam, event, *function):
    """Returns a function's answer. A container ends after its answer, which must not log an error."""
    command = [sam, "local", "invoke", *function, "-e", event.relative_to(ROOT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr
    return done.stdout


def start_api_answers(sam):
    """Runs the documented request against `sam local start-api`."""
    (script,) = [block for block in snippets("in-a-container.md", "sh") if "curl" in block]
    with subprocess.Popen([sam, "local", "start-api"], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: socket.create_connection(("127.0.0.1", 3000)).close() is None, 120)
            answer = subprocess.check_output(["bash", "-euo", "pipefail", "-c", script])
        finally:
            process.terminate()
        assert "ERROR" not in process.communicate()[1]
    return json.loads(answer)


def test_functions_answer_in_containers(image, tools, start_local, monkeypatch):
    monkeypatch.setenv("SAM_SKIP_PULL_IMAGE", "1")
    sam = tools / "sam"
    with start_local(*flags(), dynamodb="127.0.0.1:8000"):
        first, *others = events()
        # The first invocation makes the image of all.
        assert comparable(invoke(sam, first)) == stored(first)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for event, answer in zip(others, pool.map(lambda event: invoke(sam, event), others)):
                assert comparable(answer) == stored(event), event.name
        # In the order of a meeting: each needs what the previous ones noted.
        for event in events(webhooks=True):
            assert comparable(invoke(sam, event, "WebhookFunction")) == stored(event), event.name
        stream = invoke(sam, EVENTS / "stream" / "foreign.json", "StreamFunction")
        assert json.loads(stream) == {"batchItemFailures": []}
        assert start_api_answers(sam) == stored(EVENTS / "http-api.json")["body"]
