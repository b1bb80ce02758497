"""plugNmeet's published SDK against the local run, and the examples of docs/use/clients.md."""

import functools
import json
import pathlib
import re
import shutil
import subprocess

import plugnmeet_schema
import pytest
from conftest import TARGET
from google.protobuf import json_format
from local import ROOT
from standins import forward, serve

PACKAGES = ["plugnmeet-sdk-js@1.4.1", "plugnmeet-protocol-js@1.0.16-3"]
# Calls of the SDK for an integration: arguments of the constructor after the URL, of the method, and the answer.
CALLS = {
    "page": ("", "local-demo-secret", {"room_ids": ["room01", "english-b2"], "from": 5, "limit": 3, "order_by": "ASC"}),
    "nothing": ("", "local-demo-secret", {"room_ids": ["empty-room"]}),
    "denied": ("", "another secret", {"room_ids": ["room01"]}),
    "broken": ("", "local-demo-secret", {"room_ids": "room01"}),
    "slash": ("/", "local-demo-secret", {"room_ids": ["room01"]}),
}
SCRIPT = """
const { PlugNmeet } = require("plugnmeet-sdk-js");
const [url, calls] = [process.argv[1], JSON.parse(process.argv[2])];
Promise.all(Object.entries(calls).map(async ([name, [end, secret, request]]) =>
  [name, await new PlugNmeet(url + end, "plugnmeet", secret).fetchPastRoomsInfo(request)]))
  .then((answers) => console.log(JSON.stringify(Object.fromEntries(answers))));
"""


@pytest.fixture(scope="session")
def node_modules(tools):
    folder = TARGET / "npm"
    if not (folder / "node_modules").exists():
        flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([tools / "npm", "install", "--prefix", folder, *flags, *PACKAGES], check=True)
    return folder / "node_modules"


@pytest.fixture
def node(tools, node_modules, tmp_path):
    """Runs a program with plugnmeet-sdk-js in its node_modules: 1.4.1, or the stand-in for 2.x."""

    def node(*arguments, line=1):
        modules = tmp_path / "node_modules"
        shutil.copytree(node_modules, modules, dirs_exist_ok=True)
        if line == 2:
            (modules / "plugnmeet-sdk-js/package.json").unlink()
            shutil.copy(pathlib.Path(__file__).parent / "plugnmeet_sdk_2.js", modules / "plugnmeet-sdk-js/index.js")
        done = subprocess.run([tools / "node", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    return node


@pytest.mark.parametrize("dialect", ["documented", "plugnmeet"])
def test_published_sdk(start_local, node, dialect):
    with start_local("--answers", dialect) as run:
        answers = json.loads(node("-e", SCRIPT, run.url, json.dumps(CALLS)))
    as_server = dialect == "plugnmeet"
    page = answers["page"]
    assert (page["status"], page["msg"], page["result"]["total_rooms"]) == (True, "success", "447" if as_server else 447)
    assert [page["result"][name] for name in ("from", "limit", "order_by")] == [5, 3, "ASC"]
    assert len(page["result"]["rooms_list"]) == 3
    assert answers["nothing"]["msg"] == ("no room found" if as_server else "no info found")
    assert "HASH-SIGNATURE" in answers["denied"]["msg"] and "room_ids must be an array" in answers["broken"]["msg"]
    assert [answers[name]["status"] for name in CALLS] == [True, False, False, False, True]


def sections():
    """Returns the title, script and body of each example."""
    text = (ROOT / "docs/use/clients.md").read_text()
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        blocks = dict(re.findall(r"^```(js|json)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))
        if "json" in blocks:
            yield pytest.param(blocks.get("js"), blocks["json"].strip().encode(), 2 if " 2.x" in section.split("\n")[0] else 1,
                               id=section.split("\n")[0].replace("`", ""))


@pytest.mark.parametrize("script, body, line", list(sections()))
def test_documented_example(local_run, node, tmp_path, script, body, line):
    request = json_format.Parse(body, plugnmeet_schema.REQUEST())
    assert (list(request.room_ids), getattr(request, "from"), request.limit, request.order_by) == (["room01"], 5, 20, "ASC")
    result = local_run.ask(body).json()["result"]
    assert (result["total_rooms"], result["rooms_list"][0]["room_title"]) == (137, "Retrospective")
    for name in ["client.js", "client.mjs"] if script else []:
        seen = []
        url = serve(functools.partial(forward, local_run.url, seen))
        (tmp_path / name).write_text(script.replace("http://127.0.0.1:9000", url))
        assert (node(name, line=line), [sent for *_, sent in seen]) == ("137 Retrospective\n", [body]), name
