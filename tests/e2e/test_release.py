"""The files of a release, and nothing else of this checkout: the templates, and the operator's tool. `.ci/release-check`
runs this without Rust on the PATH."""

import copy
import logging
import os
import re
import subprocess

import boto3
import pytest
from conftest import shell
from moto.server import ThreadedMotoServer
from samcli.yamlhelper import yaml_parse
from templates import NoPolicies
from samtranslator.translator.transform import transform

FUNCTIONS = {"past-rooms", "past-rooms-stream", "past-rooms-webhook"}


@pytest.fixture
def release(request):
    folder = request.config.getoption("--release")
    return folder.resolve() if folder else pytest.skip("no --release names a folder with the files of a release")


@pytest.fixture
def bucket(monkeypatch):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    access = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**access, "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port())}.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="release")
    yield s3
    server.stop()


def test_sam_package_uploads_the_files(release, bucket):
    """`sam deploy` and `sam publish` begin with this."""
    templates = [file for file in release.glob("template*.yaml") if not file.stem.endswith("-s3")]
    assert templates
    for template in templates:
        zips = re.findall(r"^ *CodeUri: (\S+\.zip)$", template.read_text(), re.MULTILINE)
        assert {re.sub("-(x86_64|arm64).zip$", "", name) for name in zips} == FUNCTIONS
        command = ["sam", "package", "--template-file", template.name, "--s3-bucket", "release", "--s3-prefix", template.stem]
        subprocess.run([*command, "--output-template-file", os.devnull, "--no-progressbar"], cwd=release, check=True)
        keys = [it["Key"] for it in bucket.list_objects_v2(Bucket="release", Prefix=f"{template.stem}/")["Contents"]]
        uploaded = {bucket.get_object(Bucket="release", Key=key)["Body"].read() for key in keys}
        assert uploaded == {(release / name).read_bytes() for name in [*zips, "LICENSE", "README.md"]}


def test_moved_zips_make_new_versions(release):
    """Lambda refuses to publish a version of an unchanged function, so a function must change with its zip's place."""
    parsed = yaml_parse((release / "template-s3.yaml").read_text())
    architecture = parsed["Parameters"]["Architecture"]
    assert architecture["Default"] in architecture["AllowedValues"]
    assert all((release / f"past-rooms-{name}.zip").exists() for name in architecture["AllowedValues"])
    defaults = {name: str(it.get("Default", "")) for name, it in parsed["Parameters"].items()}
    seen, published = set(), set()
    for bucket, prefix in [("one", ""), ("two", ""), ("one", "v1/"), ("one", "v2/"), ("b" * 63, "p" * 400 + "/")]:
        parameters = {**defaults, "CodeBucket": bucket, "CodePrefix": prefix, "Webhook": "on"}
        resources = transform(copy.deepcopy(parsed), parameters, NoPolicies())["Resources"]
        versions = {name for name, it in resources.items() if it["Type"] == "AWS::Lambda::Version"}
        functions = {name: it["Properties"] for name, it in resources.items() if it["Type"] == "AWS::Lambda::Function"}
        assert len(functions) == len(versions) == 3 and not versions & published
        published |= versions
        for name, properties in functions.items():
            del properties["Code"]
            text = name + repr(properties).replace("${CodeBucket}", bucket).replace("${CodePrefix}", prefix)
            assert text not in seen
            seen.add(text)


def test_operators_tool_is_static_and_imports(request, release, start_local, tmp_path):
    tool = release / f"past-rooms-admin-linux-{request.config.getoption('--architecture')}"
    if not tool.exists():
        pytest.skip(f"the release has no {tool.name}")
    linked = subprocess.run(["ldd", tool], capture_output=True, text=True).stdout
    assert "=>" not in linked
    row = '{"room_id":"released","room_sid":"SID_1","room_title":"Release","created":"2026-11-22T10:00:00Z"}'
    (tmp_path / "history.jsonl").write_text(row)
    with start_local() as run:
        # By name, so that the static program has to look it up.
        run.dynamodb = run.dynamodb.replace("127.0.0.1", "localhost")
        assert "1 new" in shell(f"'{tool}' import history.jsonl", run, tmp_path)
        shell(f"'{tool}' tally --check --all", run, tmp_path)
