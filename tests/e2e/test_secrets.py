"""The key pair in Secrets Manager: the built function against moto's, which runs in this process."""

import json
import logging

import boto3
import pytest
from local import AWS, EVENTS, sign
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends
from moto.server import ThreadedMotoServer

BODY = b'{"room_ids":["room01"],"limit":1}'
DAY = 24 * 3600


class Secret:
    """A secret in moto's Secrets Manager. `reads` counts the calls of GetSecretValue."""

    def __init__(self, endpoint):
        access = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
        self._client = boto3.client("secretsmanager", endpoint_url=endpoint, **access)
        self.arn = self._client.create_secret(Name="past-rooms", SecretString=self._pair("old"))["ARN"]
        self.reads = 0
        variables = {"CREDENTIALS_SECRET_ARN": self.arn, "API_KEY": "", "API_SECRET": ""}
        self.variables = {**variables, **AWS, "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint}

    def _pair(self, secret):
        return json.dumps({"api_key": "plugnmeet", "api_secret": secret})

    def rotate(self, secret):
        self._client.put_secret_value(SecretId=self.arn, SecretString=self._pair(secret))

    def age(self, seconds):
        """Makes all versions older, which is what waiting would do."""
        (backend,) = [regions["us-east-1"] for regions in secretsmanager_backends.values()]
        for version in backend.secrets[self.arn].versions.values():
            version["createdate"] -= seconds


@pytest.fixture
def moto():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server
    server.stop()
    secretsmanager_backends.reset()


@pytest.fixture
def secret(moto, monkeypatch):
    secret = Secret("http://{}:{}".format(*moto.get_host_and_port()))
    read = SecretsManagerBackend.get_secret_value

    def counted(*arguments, **more):
        secret.reads += 1
        return read(*arguments, **more)

    monkeypatch.setattr(SecretsManagerBackend, "get_secret_value", counted)
    return secret


def status(function, secret):
    """Returns the status of the answer to a request that is signed with a secret."""
    event = json.loads((EVENTS / "http-api.json").read_text())
    event["body"] = BODY.decode()
    event["headers"] |= {name.lower(): value for name, value in sign(BODY, secret).items()}
    return function.call(event)["statusCode"]


def test_rotation_locks_no_client_out(local_run, function, secret):
    with function("past-rooms", local_run, **secret.variables) as running:
        assert [status(running, "old"), status(running, "new")] == [200, 401]
    with function("past-rooms", local_run, **secret.variables) as running:
        assert status(running, "old") == 200
        secret.rotate("new")
        assert [status(running, either) for either in ["old", "new"] * 20] == [200] * 40
        secret.age(DAY - 600)
        with function("past-rooms", local_run, **secret.variables) as started:
            assert [status(started, "old"), status(started, "new")] == [200, 200]
        secret.age(600)
        with function("past-rooms", local_run, **secret.variables) as started:
            assert [status(started, "old"), status(started, "new")] == [401, 200]


def test_forged_requests_cause_one_read(local_run, function, secret):
    with function("past-rooms", local_run, **secret.variables) as running:
        assert status(running, "old") == 200
        at_start = secret.reads
        assert {status(running, "forged") for _ in range(1000)} == {401}
        # One read is of both versions.
        assert secret.reads - at_start <= 2, secret.reads


def test_secrets_manager_away(local_run, function, secret, moto):
    with function("past-rooms", local_run, **secret.variables) as running:
        assert status(running, "old") == 200
        moto.stop()
        assert [status(running, it) for it in ["old", "forged", "old"]] == [200, 401, 200]
        with function("past-rooms", local_run, **secret.variables) as started:
            assert b"statusCode" not in started.invoke(b"{}")
            line = next(line for line in started.lines if "cannot be read" in line)
            assert json.loads(line)["level"] == "ERROR" and secret.arn in line
