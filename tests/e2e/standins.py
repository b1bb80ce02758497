"""Stand-ins for the world around a proxy or a client: HTTP servers and a name server."""

import http.server
import ssl
import threading

import dnslib
import dnslib.server
import requests


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Ignores connections that a client broke."""


def read_body(handler):
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def serve(answer, address=("127.0.0.1", 0), tls=None):
    """Answers GET and POST with `answer(method, path, headers, body)`: status, headers, body. Returns the URL."""

    def handle(handler):
        status, headers, body = answer(handler.command, handler.path, handler.headers, read_body(handler))
        handler.send_response_only(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    methods = {"do_GET": handle, "do_POST": handle, "protocol_version": "HTTP/1.1", "log_message": lambda *_: None}
    server = Server(address, type("Handler", (http.server.BaseHTTPRequestHandler,), methods))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def forward(url, seen, method, path, headers, body):
    """Notes a request in `seen` and sends it to another server."""
    seen.append((method, path, headers["Host"], body))
    passed = {name: value for name, value in headers.items() if name not in ("Host", "Connection", "Transfer-Encoding")}
    answer = requests.request(method, url + path, data=body, headers=passed, timeout=20)
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in ("content-length", "content-encoding")}
    # A kept connection would stay in use when the name leads elsewhere.
    return answer.status_code, {**headers, "Connection": "close"}, answer.content


def api_gateway(address, name, certificate, url, seen):
    """Starts an HTTP API for a function at `url`. Like API Gateway it refuses other names in the TLS handshake and other Hosts."""

    def answer(method, path, headers, body):
        if headers["Host"] != name:
            return 403, {}, b'{"message":"Forbidden"}'
        # The template's API takes more paths. Here a path that the proxy did not rewrite shows.
        if path.partition("?")[0] != "/auth/room/fetchPastRooms":
            return 404, {}, b'{"message":"Not Found"}'
        return forward(url, seen, method, path, headers, body)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    tls.sni_callback = lambda _, asked, __: None if asked == name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    serve(answer, address, tls)


def name_server(address, names):
    """Answers questions for IPv4 addresses from the dict `names`, with a time to live of one second."""

    class Resolver:
        def resolve(self, request, _):
            reply = request.reply()
            found = names.get(str(request.q.qname).rstrip(".").lower())
            if found is None:
                reply.header.rcode = dnslib.RCODE.NXDOMAIN
            elif request.q.qtype == dnslib.QTYPE.A:
                reply.add_answer(dnslib.RR(request.q.qname, rdata=dnslib.A(found), ttl=1))
            return reply

    logger = dnslib.server.DNSLogger("", logf=lambda _: None)
    dnslib.server.DNSServer(Resolver(), address=address[0], port=address[1], logger=logger).start_thread()
