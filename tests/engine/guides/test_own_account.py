"""The program of docs/guides/own-account.md on the real engine, with an endpoint that really is called."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ..conftest import Project

GUIDE = Path(__file__).parents[3] / "docs/guides/own-account.md"
ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"


class Endpoint(HTTPServer):
    """Code in one's own account: keeps the calls it gets, lets every request pass."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/biot"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
        answer = json.dumps({"request": body["request"]} if "request" in body else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_guides_program_subscribes_an_endpoint_that_gets_signed_calls(project: Project, endpoint: Endpoint) -> None:
    program = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    project.file("__main__.py", program)
    project.config |= {"shop:endpoint": endpoint.url, "shop:roleId": ROLE}
    shown = project.up().succeeded()
    outputs = project.outputs()
    assert outputs["serviceUserKey"] not in shown.output + project.state_text()

    with httpx.Client(transport=httpx.WSGITransport(project.platform.app), base_url="http://embedded") as http:
        # The key that the program handed over opens the platform.
        credentials = {"id": outputs["serviceUserId"], "secretKey": outputs["serviceUserKey"]}
        token = http.post("/ums/v2/services/accessToken", json=credentials).json()["accessToken"]
        patient = {"_name": {"firstName": "Ada"}}
        bearer = {"Authorization": f"Bearer {token}"}
        made = http.post("/organization/v1/users/patients", json=patient, headers=bearer)
        assert made.status_code == 201, made.text
        project.platform.delivery.settle(120)
        published = http.get("/ums/v1/security/public-key").json()["publicKey"]

    assert [headers["hooktype"] for headers, _ in endpoint.calls] == ["INTERCEPTOR_PRE", "NOTIFICATION"]
    (before, asked), (_, told) = endpoint.calls
    key = load_der_public_key(base64.b64decode(published))
    assert isinstance(key, RSAPublicKey)
    claims = jwt.decode(before["authorization"].removeprefix("Bearer "), key, algorithms=["RS512"])
    assert "PLUGIN_INTERCEPTOR" in claims["scopes"]
    assert "ACTION_NOTIFICATION" in jwt.decode(told["jwt"], key, algorithms=["RS512"])["scopes"]
    assert asked["request"]["body"] == patient
    assert told["data"]["entity"]["_id"] == made.json()["_id"]
