"""Pages of the documentation, typed from top to bottom in one shell on a fresh local run.

Blocks marked `sh` are typed; a block marked `text` behind one is its output. In blocks marked `console` both are together,
after a prompt. `…` stands for output that is left out. Blocks marked `bash` are for AWS or another terminal.
"""

import os
import re
import shutil
import subprocess

import pytest
from conftest import TARGET
from local import ROOT
from snippets import blocks


def steps(page):
    """Returns commands with their expected output, or None if the page shows none."""
    found = []
    for language, text in blocks(page):
        if language == "sh":
            found.append((text, None))
        elif language == "text" and found and found[-1][1] is None and previous == "sh":
            found[-1] = (found[-1][0], text)
        elif language == "console":
            found += re.findall(r"^\$ (.*\n)((?:[^$].*\n)*)", text, re.MULTILINE)
        previous = language
    return found


def normalised(output):
    """Returns output without durations, rates and progress."""
    output = re.sub(r"in [0-9.]+ s \([0-9]+/s\)", "in … s (…/s)", output)
    return "".join(line for line in output.splitlines(True) if not re.search("[0-9]/s", line))


def pattern(expected):
    return "".join({"…\n": "(.*\n)*", "…": ".*"}.get(part, re.escape(part)) for part in re.split("(^…\n|…)", normalised(expected), flags=re.MULTILINE))


@pytest.mark.parametrize("page", ["import.md", "administration.md", "api.md"])
def test_page_prints_what_it_shows(start_local, request, tmp_path, page):
    folder = tmp_path
    if page == "import.md":
        mariadb = request.getfixturevalue("mariadb")
        mariadb.fill("2.4", "export-2.4")
        folder = mariadb.home
        shutil.copy(ROOT / "docs/export.sql", folder / "docs")
    commands = steps(page)
    assert commands
    script = "exec 2>&1\n" + "".join(f"{command}printf '\\0'\n" for command, _ in commands)
    second = start_local("--empty", listen="127.0.0.1:9001", dynamodb="127.0.0.1:8001")
    with start_local(listen="127.0.0.1:9000", dynamodb="127.0.0.1:8000") as run, second:
        environment = {**os.environ, **run.environment(), "HOME": str(folder), "PATH": f"{TARGET / 'debug'}:{os.environ['PATH']}"}
        typed = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    for (command, expected), output in zip(commands, typed.stdout.split("\0"), strict=False):
        if expected is not None:
            assert re.fullmatch(pattern(expected), normalised(output)), f"{command}prints\n{output}, expected\n{expected}"
