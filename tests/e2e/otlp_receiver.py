"""A receiver of OTLP over HTTP that decodes with OpenTelemetry's own messages.

    otlp_receiver.py READY_FILE SPANS_FILE

Writes its port and process id to READY_FILE, and each received span as a line of JSON to SPANS_FILE.
"""

import http.server
import json
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """Convert attributes to a dict."""
    values = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        values[pair.key] = getattr(pair.value, kind)
    return values


def spans(message: Any) -> Iterator[dict[str, Any]]:
    """Yield the spans of an export request as plain values."""
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "resource": attributes(resource.resource.attributes),
                    "scope": MessageToDict(scope.scope),
                    "name": span.name,
                    "kind": span.kind,
                    "trace": span.trace_id.hex(),
                    "span": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "state": span.trace_state,
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "status": span.status.code,
                    "attributes": attributes(span.attributes),
                }


class Receiver(http.server.BaseHTTPRequestHandler):
    """Accepts export requests of traces."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/traces", self.path
        assert self.headers["content-type"] == "application/x-protobuf"
        message = ExportTraceServiceRequest.FromString(body)
        with open(sys.argv[2], "a") as file:
            file.writelines(json.dumps(span) + "\n" for span in spans(message))
        response = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, format: str, *args: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
pathlib.Path(sys.argv[1]).write_text(f"{server.server_port} {os.getpid()}\n")
server.serve_forever()
