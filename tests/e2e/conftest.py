"""Fixtures of the end-to-end tests: built programs, the local run, and functions under Lambda's emulator.

The tests need the packages of requirements.txt. `.ci/run` runs them all; one file alone:

    target/tools/bin/python -m pytest tests/e2e/test_openapi.py
"""

import os
import pathlib
import shutil
import subprocess
import sys

import emulator
import local
import pytest

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", local.ROOT / "target"))


# Debian's servers are here, also for a user without root.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def pytest_addoption(parser):
    help = "Folder of the functions: of `sam build`, or NAME/bootstrap; by default they are built for debugging"
    parser.addoption("--functions", type=pathlib.Path, help=help)
    parser.addoption("--release", type=pathlib.Path, help="Folder with the files of a release to test")


def apt_install(programs, packages):
    """Installs Debian packages unless their programs exist. Skips the test if that is impossible."""
    missing = [program for program in programs.split() if not shutil.which(program)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(f"{', '.join(missing)}: not installed, and only root can install Debian's packages")
    # RUNLEVEL keeps the packages from starting services.
    options = {"check": True, "stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}}
    subprocess.run(["apt-get", "update", "-qq"], **options)
    subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages.split()], **options)


@pytest.fixture(scope="session")
def program():
    """Returns the path of a program by its name. Without cargo the programs must exist already."""
    if shutil.which("cargo"):
        command = ["cargo", "build", "--quiet", "--locked", "--features", "admin", "--bins", "--example", "local"]
        subprocess.run(command, cwd=local.ROOT, check=True)
    return lambda name: TARGET / "debug" / ("examples/local" if name == "local" else name)


@pytest.fixture(scope="session")
def tools():
    """The folder of this Python's programs."""
    return pathlib.Path(sys.executable).parent


@pytest.fixture(scope="session")
def start_local(program):
    """Returns a context manager that starts a local run of its own."""
    return lambda *flags, **addresses: local.local_run(program("local"), *flags, **addresses)


@pytest.fixture(scope="module")
def local_run(start_local):
    """A local run with the sample history, shared by the tests of a file."""
    with start_local() as run:
        yield run


@pytest.fixture(scope="session")
def function(request, program):
    """Returns a context manager that starts a function under the emulator on a local run's DynamoDB."""
    sam_names = {"past-rooms": "Function", "past-rooms-webhook": "WebhookFunction", "past-rooms-stream": "StreamFunction"}

    def function(name, run, timeout_seconds=10, **variables):
        folder = request.config.getoption("--functions")
        candidates = [folder / sam_names[name] / "bootstrap", folder / name / "bootstrap"] if folder else [program(name)]
        (bootstrap,) = filter(pathlib.Path.exists, candidates)
        environment = {**local.function_environment(run, sam_names[name]), **variables}
        return emulator.Function(bootstrap.resolve(), environment, timeout_seconds)

    return function
