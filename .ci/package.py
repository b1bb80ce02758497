"""What `sam deploy` and `sam publish` begin with: `sam package` of a template of a release, with moto in
place of S3. What it uploads must be the zips as they are, the licence and the README.

usage: package.py TEMPLATE
"""

import logging
import os
import pathlib
import re
import subprocess
import sys

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "release"


def package(template, endpoint):
    """The contents of what is uploaded."""
    access = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ.update(access, AWS_ENDPOINT_URL=endpoint)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    command = ["sam", "package", "--template-file", template.name, "--s3-bucket", BUCKET, "--output-template-file", os.devnull]
    done = subprocess.run([*command, "--no-progressbar"], cwd=template.parent, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    return {s3.get_object(Bucket=BUCKET, Key=it["Key"])["Body"].read() for it in listed}


def main():
    template = pathlib.Path(sys.argv[1]).resolve()
    zips = re.findall(r"^ *CodeUri: (\S+\.zip)$", template.read_text(), re.MULTILINE)
    named = [*zips, "LICENSE", "README.md"]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        uploaded = package(template, "http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()
    right = len(zips) == 3 and uploaded == {(template.parent / name).read_bytes() for name in named}
    print(f"{'ok   ' if right else 'WRONG'} sam package of {template.name}: {len(uploaded)} files for {', '.join(named)}")
    sys.exit(0 if right else 1)


main()
