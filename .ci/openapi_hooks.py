"""Signs what schemathesis sends, as plugNmeet's clients and servers do: over the body as it is sent."""

import base64
import hashlib
import hmac
import json
import time

import requests
import schemathesis

KEY, SECRET = "plugnmeet", b"local-demo-secret"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(body):
    claims = {"iss": KEY, "exp": int(time.time()) + 300, "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
    signed = b".".join(_base64url(json.dumps(part).encode()) for part in [{"alg": "HS256", "typ": "JWT"}, claims])
    return (signed + b"." + _base64url(hmac.digest(SECRET, signed, "sha256"))).decode()


class Signature(requests.auth.AuthBase):
    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers["API-KEY"] = KEY
        request.headers["HASH-SIGNATURE"] = hmac.new(SECRET, body, "sha256").hexdigest()
        request.headers["Hash-Token"] = request.headers["Authorization"] = token(body)
        return request


schemathesis.auth.set_from_requests(Signature())
