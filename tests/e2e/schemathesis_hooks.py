"""Signs the requests of schemathesis, as plugNmeet's clients and servers do."""

import requests
import schemathesis
from local import sign, webhook_token


class Signature(requests.auth.AuthBase):
    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers.update({**sign(body), "Content-Type": request.headers.get("Content-Type", "application/json")})
        request.headers["Hash-Token"] = request.headers["Authorization"] = webhook_token(body)
        return request


schemathesis.auth.set_from_requests(Signature())
