"""A proxy between a program and an object store that injects faults.

    fault_proxy.py PORT_FILE LOG TARGET FAULT_FILE

Listens on a free loopback port, which it writes to PORT_FILE, and forwards to TARGET. Each request
gets the fault that FAULT_FILE contains at that moment:

    none      forward
    dead      close the connection
    die       break in the middle of a graph
    die-once  break in the middle of a graph, the first time
    stall     stop in the middle of a graph
    corrupt   change a byte of a graph
    denied    return 403 AccessDenied
    part      return 403 AccessDenied for the second part of an upload
    moved     return 301 with another region
    busy      return 503 SlowDown

LOG gets a line for each request: method, path, and range.
"""

import http.client
import http.server
import sys
import threading
from pathlib import Path

PORT_FILE, LOG, TARGET, FAULT_FILE = sys.argv[1:]
ENDED = threading.Event()
RESPONSES: dict[str, tuple[int, dict[str, str], str, str]] = {
    "denied": (403, {}, "AccessDenied", "Access Denied"),
    "moved": (301, {"x-amz-bucket-region": "eu-west-3"}, "PermanentRedirect", "Moved"),
    "busy": (503, {}, "SlowDown", "Reduce your request rate"),
}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Forwards the requests of one connection, or injects a fault."""

    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        """Handle one request."""
        fault = Path(FAULT_FILE).read_text().strip()
        with Path(LOG).open("a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('range', '')}\n")
        if fault == "dead":
            self.close_connection = True
            return
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        if fault == "part" and "partNumber=2" in self.path:
            fault = "denied"
        if fault in RESPONSES:
            status, headers, code, message = RESPONSES[fault]
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
            self.respond(status, [*headers.items(), ("content-length", str(len(text)))], text)
            return
        upstream = http.client.HTTPConnection(TARGET, timeout=60)
        # The caller signs the host header, so it is forwarded unchanged.
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body or None)
        response = upstream.getresponse()
        self.damage(fault, response, response.read())

    def damage(self, fault: str, response: http.client.HTTPResponse, body: bytes) -> None:
        """Return the upstream response, complete or damaged."""
        is_graph = self.command == "GET" and "model.onnx" in self.path and response.status < 300
        cut = len(body)
        if is_graph and fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if is_graph and fault in ("die", "die-once", "stall"):
            cut = len(body) // 2
        if is_graph and fault == "die-once":
            Path(FAULT_FILE).write_text("none")
        kept = [
            (name, value)
            for name, value in response.getheaders()
            if name.lower() not in ("transfer-encoding", "connection", "content-length")
        ]
        length = response.getheader("content-length") if self.command == "HEAD" else len(body)
        self.respond(response.status, [*kept, ("content-length", str(length or 0))], body[:cut])
        if cut < len(body):
            self.wfile.flush()
            if fault == "stall":
                ENDED.wait(60)
            self.close_connection = True

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Write a response without adding headers."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, format: str, *args: object) -> None:
        """Suppress the log of the base class; this proxy writes its own."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
server.daemon_threads = True
Path(PORT_FILE).write_text(f"{server.server_port}\n")
server.serve_forever()
