"""nginx, Caddy and HAProxy with the lines of docs/use/in-front-of-plugnmeet.md, between clients, a stand-in for the plugNmeet
server, and the function's local run behind what API Gateway asks of its callers. Run by .ci/proxies.

usage: proxies.py LOCAL_RUN EMPTY_FOLDER
"""

import contextlib
import hashlib
import hmac
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import time

from snippets import snippets
from standins import NameServer, api_gateway, plugnmeet

PAGE = "in-front-of-plugnmeet.md"
SITE, API = "meet.example.org", "abcdefghij.execute-api.eu-central-1.amazonaws.com"
# A certificate of the function's name that nobody trusts.
STRANGER = "stranger"
PATH = "/auth/room/fetchPastRooms"
LOCAL_RUN, WORK = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*command, **options):
    subprocess.run(command, check=True, **options)


def certificates():
    """An authority that the machine trusts, and two below it, as API Gateway's can be, with certificates of both names."""

    def openssl(*arguments):
        run("openssl", *arguments, cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def certificate(name, issuer, extension):
        (WORK / f"{name}.ext").write_text(extension)
        key, request, own = f"{name}.key", f"{name}.csr", f"{name}.pem"
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        signer = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"] if issuer else ["-signkey", key]
        openssl("x509", "-req", "-in", request, *signer, "-days", "1", "-extfile", f"{name}.ext", "-out", own)

    certificate(STRANGER, None, f"subjectAltName=DNS:{API}")
    certificate("root", None, "basicConstraints=critical,CA:TRUE")
    certificate("upper", "root", "basicConstraints=critical,CA:TRUE")
    certificate("lower", "upper", "basicConstraints=critical,CA:TRUE")
    for name in [SITE, API]:
        certificate(name, "lower", f"subjectAltName=DNS:{name}")
        chain = "".join((WORK / f"{part}.pem").read_text() for part in [name, "lower", "upper"])
        (WORK / f"{name}.pem").write_text(chain)
        # HAProxy takes both from one file.
        (WORK / f"{name}.both").write_text(chain + (WORK / f"{name}.key").read_text())


def make_world():
    """This machine as the examples see it: a trusted authority, a name server, and nothing of what was there."""
    run("ip", "link", "set", "lo", "up")
    trusted = WORK / "trusted"
    trusted.mkdir()
    (trusted / "ca-certificates.crt").write_text((WORK / "root.pem").read_text())
    run("mount", "--bind", trusted, "/etc/ssl/certs")
    (WORK / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    run("mount", "--bind", WORK / "resolv.conf", "/etc/resolv.conf")


def nginx():
    (location,) = snippets(PAGE, "nginx")
    return ["nginx", "-p", WORK, "-c"], f"""
        daemon off; user root; pid nginx.pid; error_log stderr error; worker_processes 1;
        events {{}}
        http {{
            access_log off;
            server {{
                listen 127.0.0.1:443 ssl; server_name {SITE};
                ssl_certificate {WORK}/{SITE}.pem; ssl_certificate_key {WORK}/{SITE}.key;
                {location}
                location / {{ proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }}
            }}
        }}
        """


def caddy():
    (handle,) = snippets(PAGE, "caddyfile")
    return ["caddy", "run", "--adapter", "caddyfile", "--config"], f"""{{
            admin off
            auto_https disable_redirects
            log {{
                level ERROR
            }}
        }}
        {SITE} {{
            bind 127.0.0.1
            tls {WORK}/{SITE}.pem {WORK}/{SITE}.key
            {handle}
            reverse_proxy 127.0.0.1:8080
        }}
        """


def haproxy():
    rule, backend = snippets(PAGE, "haproxy")
    return ["haproxy", "-db", "-f"], f"""
defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend ft_plugnmeet
    bind 127.0.0.1:443 ssl crt {WORK}/{SITE}.both
{rule}
    default_backend bk_plugnmeet_server
backend bk_plugnmeet_server
    server local 127.0.0.1:8080
{backend}
"""


@contextlib.contextmanager
def running(command, configuration):
    file = WORK / command[0]
    file.write_text(configuration)
    with open(WORK / "log", "w+") as log:
        process = subprocess.Popen([*command, file], stdin=subprocess.DEVNULL, stderr=log)
        try:
            yield
        except BaseException:
            print((WORK / "log").read_text())
            raise
        finally:
            process.terminate()
            process.wait()


def ask(method, path, body=b"", headers=()):
    """The status, headers and body of the site's answer."""
    tls = ssl.create_default_context(cafile=WORK / "root.pem")
    connection = http.client.HTTPSConnection(SITE, timeout=20, context=tls)
    connection.request(method, path, body, {"Content-Type": "application/json", **dict(headers)})
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def signed(body):
    signature = hmac.new(b"local-demo-secret", body, hashlib.sha256).hexdigest()
    return {"API-KEY": "plugnmeet", "HASH-SIGNATURE": signature}


def eventually(what, seconds=20):
    """Waits until `what` comes true, which takes as long as a proxy needs to start, or to ask for a name again."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if what():
                return
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def check(server, function, names):
    """What must hold with any proxy. `server` and `function` note what arrives at each."""
    small = b'{"room_ids":["room01"],"limit":1}'
    # More than a proxy keeps in one buffer, with what a careless one might touch.
    large = b'{"room_ids":["room01"],\r\n "limit":1, "more":"' + "Ü %2F+&#60; \u2028".encode() * 8000 + b'"}\n'
    names[API] = "127.0.0.2"
    eventually(lambda: ask("POST", PATH, small, signed(small))[0] == 200)

    for path in [PATH, f"/{PATH}", f"{PATH}/", f"{PATH}//", "/auth//room///fetchPastRooms", f"{PATH}?x=1"]:
        for body in [small, large]:
            function.clear()
            status, headers, answer = ask("POST", path, body, signed(body))
            assert status == 200 and json.loads(answer)["result"]["total_rooms"] == 137, (path, status, answer)
            assert headers["Content-Type"] == "application/json", headers
            ((method, arrived, host, came),) = function
            assert (method, arrived.partition("?")[0], host, came) == ("POST", PATH, API, body), (path, arrived, host)
    print("ok    the path, however its slashes are, goes to the function, its body unchanged")

    for method, body, headers, expected in [
        ("POST", small, signed(large), 401),
        ("POST", small, {}, 401),
        ("POST", b"{", signed(b"{"), 400),
        ("GET", b"", {}, 405),
    ]:
        status, answered, answer = ask(method, PATH, body, headers)
        assert status == expected and json.loads(answer)["status"] is False, (status, answer)
    assert answered["Allow"] == "POST", answered
    print("ok    statuses and headers of the function's errors come back")

    function.clear()
    for method, path in [
        ("POST", "/auth/room/create"),
        ("POST", "/auth/room/fetchPastRoomsInfo"),
        ("POST", "/auth/room/fetchPastRooms/more"),
        ("POST", "/elsewhere/auth/room/fetchPastRooms"),
        ("POST", "/room/fetchPastRooms"),
        ("GET", "/?path=/auth/room/fetchPastRooms"),
    ]:
        server.clear()
        status, headers, answer = ask(method, path, large, signed(large))
        assert (status, headers["X-Served-By"], answer) == (418, "plugnmeet", b'{"from":"plugnmeet"}'), (path, status)
        assert server == [(method, path, SITE, large)], (path, server[0][:3])
    assert not function, function
    print("ok    everything else goes to the plugNmeet server, unchanged")

    def arrives_elsewhere():
        function.clear()
        return ask("POST", PATH, small, signed(small))[0] == 200 and not function

    names[API] = "127.0.0.3"
    eventually(arrives_elsewhere)
    print("ok    follows the function to another address")

    names[API] = "127.0.0.4"
    eventually(lambda: ask("POST", PATH, small, signed(small))[0] in (502, 503))
    print("ok    does not talk to a stranger who has the function's name")


def main():
    certificates()
    make_world()
    names = {SITE: "127.0.0.1", API: "127.0.0.2"}
    NameServer(("127.0.0.53", 53), names)
    process = subprocess.Popen([LOCAL_RUN], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("Try it"):
            break
    server, function, strange = [], [], []
    plugnmeet(("127.0.0.1", 8080), server)
    for address, certificate, seen in [("127.0.0.2", API, function), ("127.0.0.3", API, []), ("127.0.0.4", STRANGER, strange)]:
        pair = (WORK / f"{certificate}.pem", WORK / f"{certificate}.key")
        api_gateway((address, 443), API, pair, ("127.0.0.1", 9000), seen)
    for proxy in [nginx, caddy, haproxy]:
        print(f"-- {proxy.__name__}", flush=True)
        with running(*proxy()):
            check(server, function, names)
    assert not strange, strange


main()
