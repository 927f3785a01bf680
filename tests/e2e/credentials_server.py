"""Issues keys of a role like ECS, EKS Pod Identity and EC2, obtained from STS.

    credentials_server.py STS_ENDPOINT ROLE_ARN FOLDER ADDRESS...

Listens on each ADDRESS (host:port). For every request it reads two files in FOLDER: `life`, the lifetime
of keys in seconds, and `token`, the authorization that Pod Identity requires. It appends a line to
`issued` for each set of keys: path, access key, secret key, session token.
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
# Created once, since that takes longer than the timeout of EC2's metadata.
STS = botocore.session.get_session().create_client(
    "sts",
    endpoint_url=ENDPOINT,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    # The client requires a lifetime of at least 900 s; the emulator accepts shorter ones.
    config=Config(parameter_validation=False),
)


def issue(path: str) -> dict[str, str]:
    """Assume the role and return its keys as an endpoint of AWS does."""
    with LOCK:
        life = int((FOLDER / "life").read_text())
        assumed = STS.assume_role(RoleArn=ROLE, RoleSessionName="task", DurationSeconds=life)
        keys = assumed["Credentials"]
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
    """Responds like the credential endpoints: /task (ECS), /pod (EKS) and /latest (EC2)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/task":
            self.respond(200, json.dumps(issue(path)))
        elif path == "/pod":
            is_known = self.headers.get("authorization") == (FOLDER / "token").read_text()
            if is_known:
                self.respond(200, json.dumps(issue(path)))
            else:
                self.respond(401, '{"message": "the token is wrong"}')
        elif self.headers.get("x-aws-ec2-metadata-token") != METADATA_TOKEN:
            self.respond(401, "")
        elif path == ROLES:
            self.respond(200, "role")
        elif path == f"{ROLES}role":
            self.respond(200, json.dumps(issue(path)))
        else:
            self.respond(404, "")

    def do_PUT(self) -> None:
        is_token = self.path == "/latest/api/token"
        self.respond(200 if is_token else 404, METADATA_TOKEN if is_token else "")

    def respond(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


servers = []
for address in sys.argv[4:]:
    host, port = address.rsplit(":", 1)
    servers.append(ThreadingHTTPServer((host, int(port)), Handler))
for server in servers:
    threading.Thread(target=server.serve_forever).start()
(FOLDER / "listening").touch()
