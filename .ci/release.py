"""The parts of a release that are no builds: zips, templates, the bill of materials without what differs
from one making to the next, and checksums.

usage: release.py zip BOOTSTRAP ZIP
       release.py finish FOLDER
"""

import hashlib
import json
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ARCHITECTURES = ["x86_64", "arm64"]
# The time of every zip entry: the earliest that the format knows.
NO_TIME = (1980, 1, 1, 0, 0, 0)
SUMS = "SHA256SUMS"


def zip_bootstrap(bootstrap, path):
    entry = zipfile.ZipInfo("bootstrap", NO_TIME)
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, pathlib.Path(bootstrap).read_bytes(), zipfile.ZIP_DEFLATED, 9)


def with_code(template, code_of):
    """The template with built functions in place of those that `sam build` builds: `code_of` says what
    `CodeUri` is of a program."""
    build = re.compile(
        r"    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: (\S+)\n"
        r"(.*?\n)      CodeUri: \.\n",
        re.DOTALL,
    )
    built, count = build.subn(lambda found: f"{found[2]}      CodeUri: {code_of(found[1])}\n", template)
    if count != template.count("Type: AWS::Serverless::Function\n") or "BuildMethod" in built:
        raise SystemExit("template.yaml has a function whose code release.py does not find")
    return built


def for_architecture(template, architecture):
    """The template for `sam deploy` beside the zips of one processor."""
    only = re.sub(
        r"(  Architecture:\n    Type: String\n)    Default: .*\n    AllowedValues: .*\n    Description: .*\n",
        rf"\g<1>    Default: {architecture}\n    AllowedValues: [{architecture}]\n    Description: Processor architecture.\n",
        template,
    )
    if only == template:
        raise SystemExit("template.yaml has no parameter Architecture as release.py knows it")
    return with_code(only, lambda program: f"{program}-{architecture}.zip")


def for_bucket(template, architectures):
    """The template for zips in a bucket, which CloudFormation's console takes as it is."""
    parameters = (
        "Parameters:\n"
        "  CodeBucket:\n    Type: String\n"
        "    Description: S3 bucket in this region that the zips of the release were uploaded to.\n"
        "  CodePrefix:\n    Type: String\n    Default: \"\"\n    AllowedPattern: ^(.+/)?$\n"
        "    Description: What their keys begin with, ending with a slash; empty if they are at the bucket's top.\n"
    )
    labels = (
        "    ParameterGroups:\n      - Label: { default: Code }\n        Parameters: [CodeBucket, CodePrefix]\n"
    )
    template = re.sub(r"^Parameters:\n", lambda _: parameters, template, count=1, flags=re.MULTILINE)
    template = template.replace("    ParameterGroups:\n", labels, 1)
    values = ", ".join(architectures)
    template = template.replace(
        "Default: x86_64\n    AllowedValues: [x86_64, arm64]", f"Default: {architectures[0]}\n    AllowedValues: [{values}]", 1
    )
    template = template.replace("Processor architecture. Pass the same value to `sam build`.", "Processor architecture.", 1)
    # The same zip at another place makes SAM want a new version, and Lambda publishes one only if
    # something of the function is new: this is.
    variables = "        Variables:\n"
    if template.count(variables) != template.count("Type: AWS::Serverless::Function\n"):
        raise SystemExit("template.yaml has a function whose variables release.py does not find")
    template = template.replace(variables, variables + "          CODE: !Sub ${CodeBucket}/${CodePrefix}\n")
    return with_code(
        template,
        lambda program: "{ Bucket: !Ref CodeBucket, Key: !Sub \"${CodePrefix}" + program + "-${Architecture}.zip\" }",
    )


def bill_of_materials(path):
    """The bill of materials without its number, its time and the folder that it was made in."""
    text = path.read_text().replace(ROOT.as_uri(), "file:///past-rooms").replace(str(ROOT), "/past-rooms")
    # Where the folder has the package's name, cargo leaves that out.
    text = text.replace("file:///past-rooms#past-rooms@", "file:///past-rooms#")
    bill = json.loads(text)
    bill.pop("serialNumber", None)
    bill.get("metadata", {}).pop("timestamp", None)
    path.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")


def finish(folder):
    template = (ROOT / "template.yaml").read_text()
    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    if f"SemanticVersion: {version}\n" not in template:
        raise SystemExit(f"template.yaml must have Cargo.toml's version as its SemanticVersion: {version}")
    architectures = [name for name in ARCHITECTURES if (folder / f"past-rooms-{name}.zip").exists()]
    if not architectures:
        raise SystemExit(f"{folder} has no zip of a function")
    for architecture in architectures:
        name = "template.yaml" if architecture == ARCHITECTURES[0] else f"template-{architecture}.yaml"
        (folder / name).write_text(for_architecture(template, architecture))
    (folder / "template-s3.yaml").write_text(for_bucket(template, architectures))
    for name in ["samconfig.toml", "README.md", "LICENSE"]:
        (folder / name).write_bytes((ROOT / ".ci" / "release-samconfig.toml" if name == "samconfig.toml" else ROOT / name).read_bytes())
    bill_of_materials(folder / "past-rooms.cdx.json")
    files = sorted(file for file in folder.iterdir() if file.name != SUMS)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / SUMS).write_text("".join(sums))
    print("".join(sums), end="")


def main():
    match sys.argv[1:]:
        case ["zip", bootstrap, path]:
            zip_bootstrap(bootstrap, path)
        case ["finish", folder]:
            finish(pathlib.Path(folder))
        case _:
            raise SystemExit(__doc__)


main()
