"""A platform of its own for each test, and callers that reach it in process and over a socket."""

from __future__ import annotations

import http.client
import io
import json
import shutil
import socket
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from biot_provider import emulator
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLUGINS = "/settings/v2/plugins"
PYTHON = f"python3.{sys.version_info.minor}"
MINIMAL = {"name": "guard", "displayName": "Guard", "version": 1}


class Caller:
    """Raw requests as some client might send them, logged in as the built-in service user."""

    def __init__(self, platform: Platform, http: httpx.Client) -> None:
        self.platform = platform
        self.http = http
        self.http.headers["X-Emulator-Key"] = platform.control_key
        self.log_in(platform.service_id, platform.service_secret_key)

    def log_in(self, service_id: str, secret_key: str) -> None:
        answer = self.http.post("/ums/v2/services/accessToken", json={"id": service_id, "secretKey": secret_key})
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"

    def send(self, method: str, path: str, config: Any, code: bytes | None = None) -> httpx.Response:
        parts: dict[str, Any] = {"config": (None, json.dumps(config))}
        if code is not None:
            parts["code"] = ("code.zip", code, "application/zip")
        return self.http.request(method, PLUGINS + path, files=parts)

    def create(self, config: Any = None, code: bytes | None = None, **changes: Any) -> httpx.Response:
        """POST: the minimal config and what the test adds to it."""
        return self.send("POST", "", {**MINIMAL, **changes} if config is None else config, code)

    def created(self, code: bytes | None = None, **changes: Any) -> Any:
        answer = self.create(code=code, **changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def patch(self, name: str, config: Any, code: bytes | None = None) -> httpx.Response:
        return self.send("PATCH", f"/Plugin-{name}", config, code)

    def patched(self, name: str, config: Any, code: bytes | None = None) -> Any:
        answer = self.patch(name, config, code)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, name: str) -> httpx.Response:
        return self.http.get(f"{PLUGINS}/Plugin-{name}")

    def got(self, name: str) -> Any:
        answer = self.get(name)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def delete(self, name: str) -> httpx.Response:
        return self.http.delete(f"{PLUGINS}/Plugin-{name}")

    def search(self, request: Any) -> httpx.Response:
        return self.http.get(PLUGINS, params={"searchRequest": json.dumps(request)})

    def found(self, **request: Any) -> list[str]:
        """The names a search gives, in its order."""
        answer = self.search(request)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()["data"]]


@pytest.fixture(scope="session")
def script() -> Callable[..., list[str]]:
    """The command that runs a script which uses the emulator and not the rest of the package, whose import is slow."""
    package = str(Path(emulator.__file__).parent.parent)
    prelude = (
        "import sys, types\n"
        "sys.modules['biot_provider'] = package = types.ModuleType('biot_provider')\n"
        f"package.__path__ = [{package!r}]\n"
    )

    def command(text: str, *arguments: object) -> list[str]:
        return [sys.executable, "-c", prelude + text, *map(str, arguments)]

    return command


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a platform with its tables and keys: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("prepared")
    with Platform(folder) as platform:
        platform.keys.public()
    return folder


@pytest.fixture
def platform(tmp_path: Path, prepared: Path) -> Iterator[Platform]:
    if not (tmp_path / "data").exists():  # a test may have put another one there
        shutil.copytree(prepared, tmp_path / "data")
    with Platform(tmp_path / "data") as platform:
        yield platform


@pytest.fixture
def inside(platform: Platform) -> Iterator[Caller]:
    """A caller in the same process."""
    with httpx.Client(transport=httpx.WSGITransport(platform.app), base_url="http://embedded.invalid") as http:
        yield Caller(platform, http)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller in the same process; its platform is shared by the tests of a module."""
    with (
        Platform(tmp_path_factory.mktemp("shared")) as platform,
        httpx.Client(transport=httpx.WSGITransport(platform.app), base_url="http://embedded.invalid") as http,
    ):
        yield Caller(platform, http)


@pytest.fixture
def emptied(shared: Caller) -> Iterator[Caller]:
    """The shared caller, with no plugin on its platform."""
    yield shared
    for name in shared.found():
        assert shared.delete(name).status_code == 204


@pytest.fixture
def base_url(platform: Platform, tmp_path: Path) -> Iterator[str]:
    """The same platform, served on a port."""
    with running(tmp_path / "data") as base_url:
        yield base_url


@pytest.fixture
def outside(platform: Platform, base_url: str) -> Iterator[Caller]:
    """A caller over a socket."""
    # Plain HTTP: without the certificates of the machine a client is made ten times as fast.
    with httpx.Client(base_url=base_url, verify=False, timeout=60) as http:
        yield Caller(platform, http)


class Talk:
    """Speaks to the server byte by byte."""

    def __init__(self, base_url: str) -> None:
        self.port = int(base_url.rpartition(":")[2])

    def connect(self, sent: str | bytes = b"") -> socket.socket:
        """A connection on which this was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(sent.encode("latin-1") if isinstance(sent, str) else sent)
        return connection

    def ask(self, sent: str | bytes) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the one answer to this; nothing more is sent. Status 0: there was none."""
        with self.connect(sent) as connection:
            return self.answer(connection)

    @staticmethod
    def answer(connection: socket.socket) -> tuple[int, dict[str, str], str]:
        """The next answer on a connection: status, headers with names in lower case, body."""
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            return (
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                response.read().decode("latin-1"),
            )
        except (http.client.HTTPException, ConnectionError):
            return 0, {}, ""
        finally:
            response.close()


@pytest.fixture
def talk(base_url: str) -> Talk:
    return Talk(base_url)


@pytest.fixture(params=["in process", "over a socket"])
def call(request: pytest.FixtureRequest) -> Caller:
    """Either caller, for what a server could spoil."""
    caller: Caller = request.getfixturevalue("inside" if request.param == "in process" else "outside")
    return caller


@pytest.fixture
def zipped() -> Any:
    """Makes a small zip whose bytes differ with its text."""

    def make(text: str = "def handler(event, context): ...\n") -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            # Without the time of day: the same text is the same zip.
            archive.writestr(zipfile.ZipInfo("index.py"), text, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    return make


@pytest.fixture
def deploy(platform: Platform, zipped: Any) -> Any:
    """Deploys a plugin in the Python that runs the tests: its name, the text of its index.py, and its configuration."""

    def act(name: str, code: str | None, **config: Any) -> None:
        wanted = {"name": name, "displayName": name, "version": 1, "runtime": PYTHON, "timeout": 60, **config}
        content = None if code is None else zipped(textwrap.dedent(code))
        platform.plugins.create(wanted, content, "http://embedded.invalid")

    return act


@pytest.fixture
def refused() -> Any:
    """Checks that an answer is an error envelope with this status and code, and gives its details."""

    def check(answer: httpx.Response, status: int, code: str) -> Any:
        body = answer.json()
        assert (answer.status_code, body["code"]) == (status, code), answer.text
        assert set(body) == {"code", "message", "serviceName", "traceId", "environment", "details"}
        assert body["message"]
        assert body["traceId"]
        assert body["environment"] == "embedded"
        return body["details"]

    return check


@pytest.fixture
def vectors() -> Any:
    """Requests and answers from the documentation of the API."""
    return json.loads((Path(__file__).parent.parent / "vectors" / "plugins.json").read_text())
