"""The proxies' lines in docs/use/in-front-of-plugnmeet.md, as they stand there: between clients, a stand-in for the
plugNmeet server, and the local run behind a stand-in for API Gateway. Each test runs in a network of its own."""

import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess

import pytest
from conftest import apt_install
from local import PATH, sign, wait_until
from snippets import snippets
from standins import api_gateway, name_server, serve

PAGE = "in-front-of-plugnmeet.md"
SITE, API = "meet.example.org", "abcdefghij.execute-api.eu-central-1.amazonaws.com"
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
# The command, its configuration in proxies/, and the language of its lines in the documentation.
PROXIES = {
    "nginx": (["nginx", "-p", ".", "-c"], "nginx.conf", "nginx"),
    "caddy": (["caddy", "run", "--adapter", "caddyfile", "--config"], "Caddyfile", "caddyfile"),
    "haproxy": (["haproxy", "-db", "-f"], "haproxy.cfg", "haproxy"),
}


def leave_the_network():
    """Gives this thread, and what it starts, a network and mounts of its own."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def make_certificates(folder):
    """Makes a root, two authorities below it, and certificates of both names. Nothing signs `stranger`."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def make(file, name, issuer, extension):
        (folder / "extension").write_text(extension)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{file}.key", "-out", "request")
        signer = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"] if issuer else ["-signkey", f"{file}.key"]
        openssl("x509", "-req", "-in", "request", *signer, "-days", "1", "-extfile", "extension", "-out", f"{file}.pem")

    make("stranger", API, None, f"subjectAltName=DNS:{API}")
    for file, issuer in [("root", None), ("upper", "root"), ("lower", "upper")]:
        make(file, file, issuer, "basicConstraints=critical,CA:TRUE")
    for file, name in [("site", SITE), ("api", API)]:
        make(file, name, "lower", f"subjectAltName=DNS:{name}")
        chain = "".join((folder / f"{part}.pem").read_text() for part in [file, "lower", "upper"])
        (folder / f"{file}.pem").write_text(chain)
        (folder / f"{file}.both").write_text(chain + (folder / f"{file}.key").read_text())


def make_world(folder):
    """Makes the machine of the examples: it trusts the root alone and asks our name server."""
    (folder / "trusted").mkdir()
    (folder / "trusted/ca-certificates.crt").write_text((folder / "root.pem").read_text())
    (folder / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    for own, path in [("trusted", "/etc/ssl/certs"), ("resolv.conf", "/etc/resolv.conf")]:
        subprocess.run(["mount", "--bind", folder / own, path], check=True)


@contextlib.contextmanager
def running(proxy, folder):
    command, name, language = PROXIES[proxy]
    configuration = (pathlib.Path(__file__).parent / "proxies" / name).read_text()
    for number, lines in enumerate(snippets(PAGE, language), 1):
        configuration = configuration.replace(f"@{number}@", lines)
    (folder / name).write_text(configuration)
    process = subprocess.Popen([*command, folder / name], cwd=folder, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def ask(folder, method, path, body=b"", headers={}):
    """Returns the status, headers and body of the site's answer."""
    connection = http.client.HTTPSConnection(SITE, timeout=20, context=ssl.create_default_context(cafile=folder / "root.pem"))
    connection._create_connection = lambda _, *more: socket.create_connection(("127.0.0.1", 443), *more)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def check(proxy, folder, start_local):
    leave_the_network()
    make_certificates(folder)
    make_world(folder)
    names = {SITE: "127.0.0.1", API: "127.0.0.2"}
    name_server(("127.0.0.53", 53), names)
    server, function, strange = [], [], []

    def plugnmeet(method, path, headers, body):
        server.append((method, path, headers["Host"], body))
        return 418, {"X-Served-By": "plugnmeet"}, b"{}"

    serve(plugnmeet, ("127.0.0.1", 8080))
    with start_local() as local, running(proxy, folder):
        for address, file, seen in [(2, "api", function), (3, "api", []), (4, "stranger", strange)]:
            pair = (folder / f"{file}.pem", folder / f"{file}.key")
            api_gateway((f"127.0.0.{address}", 443), API, pair, local.url, seen)
        check_answers(folder, server, function, names)
    assert not strange


def check_answers(folder, server, function, names):
    small = b'{"room_ids":["room01"],"limit":1}'
    # More than a proxy keeps in one buffer, with characters that a proxy might change.
    large = b'{"room_ids":["room01"],\r\n "limit":1, "more":"' + "Ü %2F+&#60; \u2028".encode() * 8000 + b'"}\n'
    wait_until(lambda: ask(folder, "POST", PATH, small, sign(small))[0] == 200)
    for path in [PATH, f"/{PATH}", f"{PATH}/", f"{PATH}//", "/auth//room///fetchPastRooms", f"{PATH}?x=1"]:
        for body in [small, large]:
            function.clear()
            status, headers, answer = ask(folder, "POST", path, body, sign(body))
            assert (status, headers["Content-Type"], json.loads(answer)["result"]["total_rooms"]) == (200, "application/json", 137)
            ((method, arrived, host, came),) = function
            assert (method, arrived.partition("?")[0], host, came) == ("POST", PATH, API, body), path
    # The function's errors come back with their statuses and headers.
    for method, body, headers, expected in [("POST", small, sign(large), 401), ("POST", b"{", sign(b"{"), 400), ("GET", b"", {}, 405)]:
        status, headers, answer = ask(folder, method, PATH, body, headers)
        assert (status, json.loads(answer)["status"]) == (expected, False)
    assert headers["Allow"] == "POST"
    # Everything else goes to the plugNmeet server, unchanged.
    function.clear()
    others = ["/auth/room/create", "/auth/room/fetchPastRoomsInfo", f"{PATH}/more", f"/elsewhere{PATH}", "/room/fetchPastRooms", f"/?path={PATH}"]
    for path in others:
        server.clear()
        status, headers, _ = ask(folder, "POST", path, large, sign(large))
        assert (status, headers["X-Served-By"], server) == (418, "plugnmeet", [("POST", path, SITE, large)])
    assert not function
    # The function moves to another address.
    names[API] = "127.0.0.3"
    wait_until(lambda: function.clear() or ask(folder, "POST", PATH, small, sign(small))[0] == 200 and not function)
    # A stranger gets the function's name.
    names[API] = "127.0.0.4"
    wait_until(lambda: ask(folder, "POST", PATH, small, sign(small))[0] in (502, 503))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a proxy a network of its own")
@pytest.mark.parametrize("proxy", PROXIES)
def test_documented_lines_of(proxy, start_local, tmp_path):
    apt_install("nginx haproxy caddy ip openssl", "nginx-light haproxy caddy iproute2 openssl")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(check, proxy, tmp_path, start_local).result()
