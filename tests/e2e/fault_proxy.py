"""A proxy that breaks on purpose, between a program and a server of objects.

    fault_proxy.py PORT_FILE LOG TARGET FAULT_FILE

Listens on a free port of loopback, written to PORT_FILE, and forwards to TARGET. Every request does
what FAULT_FILE says at that moment:

    none      forwards
    dead      closes the connection
    die       breaks in the middle of a graph
    die-once  breaks in the middle of a graph, the first time
    stall     stops in the middle of a graph
    corrupt   changes a byte of a graph
    denied    answers 403 AccessDenied
    part      answers 403 AccessDenied to the second part of an upload
    moved     answers 301 with another region
    busy      answers 503 SlowDown

LOG gets a line for each request: method, path, and range.
"""

import http.client
import http.server
import sys
import threading
from pathlib import Path

PORT_FILE, LOG, TARGET, FAULT_FILE = sys.argv[1:]
ENDED = threading.Event()
ANSWERS = {
    "denied": (403, {}, "AccessDenied", "Access Denied"),
    "moved": (301, {"x-amz-bucket-region": "eu-west-3"}, "PermanentRedirect", "Moved"),
    "busy": (503, {}, "SlowDown", "Reduce your request rate"),
}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Forwards one connection, or breaks it."""

    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        """Answers one request."""
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
        if fault in ANSWERS:
            status, headers, code, message = ANSWERS[fault]
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
            self.answer(status, [*headers.items(), ("content-length", str(len(text)))], text)
            return
        upstream = http.client.HTTPConnection(TARGET, timeout=60)
        # The host is signed by the caller, so it is sent as it came.
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        self.damage(fault, answer, answer.read())

    def damage(self, fault: str, answer: http.client.HTTPResponse, body: bytes) -> None:
        """Hands on an answer, whole or not."""
        is_graph = self.command == "GET" and "model.onnx" in self.path and answer.status < 300
        cut = len(body)
        if is_graph and fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if is_graph and fault in ("die", "die-once", "stall"):
            cut = len(body) // 2
        if is_graph and fault == "die-once":
            Path(FAULT_FILE).write_text("none")
        kept = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in ("transfer-encoding", "connection", "content-length")
        ]
        length = answer.getheader("content-length") if self.command == "HEAD" else len(body)
        self.answer(answer.status, [*kept, ("content-length", str(length or 0))], body[:cut])
        if cut < len(body):
            self.wfile.flush()
            if fault == "stall":
                ENDED.wait(60)
            self.close_connection = True

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Writes an answer as it is told."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, *_arguments: object) -> None:
        """Says nothing: the log is its own."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
server.daemon_threads = True
Path(PORT_FILE).write_text(f"{server.server_port}\n")
server.serve_forever()
