"""Hands out keys of a role as ECS, EKS Pod Identity and EC2 do, and as STS makes them.

    credentials_server.py STS_ENDPOINT ROLE_ARN FOLDER ADDRESS...

Listens on each ADDRESS (host:port). In FOLDER it reads `life`, for how many seconds keys are good, and
`token`, what Pod Identity must be asked with, anew for each request; and appends to `issued` a line for
each set of keys: path, access key, secret key, session token.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
from botocore.config import Config

ENDPOINT, ROLE, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
METADATA_TOKEN = "metadata-token"
ROLES = "/latest/meta-data/iam/security-credentials/"
LOCK = threading.Lock()
# Made once, for that takes longer than EC2 is waited for.
STS = botocore.session.get_session().create_client(
    "sts",
    endpoint_url=ENDPOINT,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    # A role is good for 900 s at least, says the client; the emulator ends it sooner.
    config=Config(parameter_validation=False),
)


def issue(path):
    with LOCK:
        life = int((FOLDER / "life").read_text())
        answer = STS.assume_role(RoleArn=ROLE, RoleSessionName="task", DurationSeconds=life)
        keys = answer["Credentials"]
        key, secret, token = (
            keys[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
        )
        with (FOLDER / "issued").open("a") as issued:
            issued.write(f"{path} {key} {secret} {token}\n")
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "RoleArn": ROLE,
        "AccessKeyId": key,
        "SecretAccessKey": secret,
        "Token": token,
        "Expiration": keys["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "LastUpdated": "2026-01-01T00:00:00Z",
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/task":
            self.answer(200, json.dumps(issue(path)))
        elif path == "/pod":
            is_known = self.headers.get("authorization") == (FOLDER / "token").read_text()
            if is_known:
                self.answer(200, json.dumps(issue(path)))
            else:
                self.answer(401, '{"message": "the token is wrong"}')
        elif self.headers.get("x-aws-ec2-metadata-token") != METADATA_TOKEN:
            self.answer(401, "")
        elif path == ROLES:
            self.answer(200, "role")
        elif path == f"{ROLES}role":
            self.answer(200, json.dumps(issue(path)))
        else:
            self.answer(404, "")

    def do_PUT(self):
        is_token = self.path == "/latest/api/token"
        self.answer(200 if is_token else 404, METADATA_TOKEN if is_token else "")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


servers = []
for address in sys.argv[4:]:
    host, port = address.rsplit(":", 1)
    servers.append(ThreadingHTTPServer((host, int(port)), Handler))
for server in servers:
    threading.Thread(target=server.serve_forever).start()
(FOLDER / "listening").touch()
