"""What stands in for the outside world of a proxy: the plugNmeet server, API Gateway in front of the function, and the name
server that leads to it."""

import http.client
import http.server
import json
import socket
import ssl
import struct
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A proxy hung up, as they do when they end, or for a certificate that they do not trust."""


def serve(handle, address, tls=None):
    """Serves GET and POST with `handle(handler)` for as long as the process lives."""
    server = Server(address, type("StandIn", (Handler,), {"do_GET": handle, "do_POST": handle}))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def plugnmeet(address, seen):
    """A plugNmeet server that answers everything with status 418 and a header, and notes what came."""

    def handle(handler):
        seen.append((handler.command, handler.path, handler.headers["Host"], handler.body()))
        handler.answer(418, [("X-Served-By", "plugnmeet")], b'{"from":"plugnmeet"}')

    serve(handle, address)


def api_gateway(address, name, certificate, function, seen):
    """An HTTP API in front of the function's local run. As API Gateway does, it hangs up without its name in the TLS
    handshake, and turns another Host away. It takes requests for the path that proxies are to send, and no other, so
    that one sent elsewhere shows; the template's API would pass it on, and the function find the path."""

    def by_name(_, asked_for, __):
        return None if asked_for == name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    def handle(handler):
        body = handler.body()
        seen.append((handler.command, handler.path, handler.headers["Host"], body))
        if handler.headers["Host"] != name:
            return handler.answer(403, [], b'{"message":"Forbidden"}')
        if handler.path.partition("?")[0] != "/auth/room/fetchPastRooms":
            return handler.answer(404, [], b'{"message":"Not Found"}')
        connection = http.client.HTTPConnection(*function, timeout=20)
        headers = {key: value for key, value in handler.headers.items() if key not in ("Host", "Connection")}
        connection.request(handler.command, handler.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        passed = [(key, value) for key, value in response.getheaders() if key.lower() != "content-length"]
        # A connection that is kept would be used on after the name leads elsewhere.
        handler.answer(response.status, [*passed, ("Connection", "close")], answer)
        connection.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    tls.sni_callback = by_name
    serve(handle, address, tls)


class NameServer:
    """Answers questions for the IPv4 addresses of some names, to be asked again after a second."""

    def __init__(self, address, addresses):
        self.addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(address)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(4096)
            labels, end = [], 12
            while length := query[end]:
                labels.append(query[end + 1 : end + 1 + length].decode())
                end += 1 + length
            end += 5
            (kind,) = struct.unpack("!H", query[end - 4 : end - 2])
            found = self.addresses.get(".".join(labels).lower())
            record = b""
            if found and kind == 1:
                record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(found)
            header = query[:2] + struct.pack("!HHHHH", 0x8180 if found else 0x8183, 1, len(record) // 16, 0, 0)
            self._socket.sendto(header + query[12:end] + record, client)
