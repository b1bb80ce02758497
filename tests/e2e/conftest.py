"""Fixtures of the end-to-end tests: built programs, the local run, and functions under Lambda's emulator.

The tests need the packages of requirements.txt. `.ci/run` runs them all; one file alone:

    target/tools/bin/python -m pytest tests/e2e/test_openapi.py
"""

import getpass
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import emulator
import local
import plugnmeet_database
import pytest

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", local.ROOT / "target"))


# Debian's servers are here, also for a user without root.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def pytest_addoption(parser):
    help = "Folder of the functions: of `sam build`, or NAME/bootstrap; by default they are built for debugging"
    parser.addoption("--functions", type=pathlib.Path, help=help)
    parser.addoption("--release", type=pathlib.Path, help="Folder with the files of a release to test")
    native = platform.machine().replace("aarch64", "arm64")
    parser.addoption("--architecture", default=native, help="Processor of the release's operator's tool")


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


def shell(script, run, folder):
    """Runs a script with the operator's tool on the PATH and a local run's table. Returns its output."""
    environment = {**os.environ, **run.environment(), "HOME": str(folder), "PATH": f"{TARGET / 'debug'}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


class MariaDb:
    """A MariaDB server on a socket. `home` is a home folder whose clients find it."""

    def __init__(self, home):
        self.home = home
        (home / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={home}/socket\n")
        (home / "docs").mkdir()
        shutil.copy(local.ROOT / "docs/export.sql", home / "docs")
        options = ["--no-defaults", f"--datadir={home}/data", f"--user={getpass.getuser()}"]
        install = ["mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        # Nothing may depend on the server's time zone.
        server = [f"--socket={home}/socket", f"--pid-file={home}/pid", "--skip-networking", "--default-time-zone=+05:30"]
        self.process = subprocess.Popen(["mariadbd", *options, *server], stderr=subprocess.DEVNULL)
        local.wait_until(lambda: subprocess.run(self._client("-e", "SELECT 1"), capture_output=True).returncode == 0)

    def _client(self, *arguments):
        return ["mysql", "--no-defaults", "--user=root", f"--socket={self.home}/socket", "--default-character-set=utf8mb4", *arguments]

    def fill(self, name, room_id):
        """Makes the database of a server of `plugnmeet_database`."""
        create = "DROP DATABASE IF EXISTS plugnmeet; CREATE DATABASE plugnmeet CHARACTER SET utf8mb4; USE plugnmeet;\n"
        subprocess.run(self._client(), input=create + plugnmeet_database.sql(name, room_id), text=True, check=True)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory):
    apt_install("mariadbd", "mariadb-server")
    server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    yield server
    server.process.terminate()
    server.process.wait()
