"""The provider in this process against a platform on a port, whose answers the test can spoil."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret
from pytest_mock import MockerFixture

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.plugin import PluginProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider
from biot_provider.service_user.key_writes import HELD

from .native_adapter import NativePluginProvider

Adapter = PluginProvider | NativePluginProvider
HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"


def plain(value: Any) -> Any:
    """What the engine hands on: secrets without their marks."""
    if is_rpc_secret(value):
        return plain(unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@dataclass
class World:
    """A platform and a provider as the engine uses it: the dynamic one, or the native one."""

    platform: Platform
    folder: Path
    settings: Settings
    adapter: type[Adapter] = PluginProvider

    provider: Any = field(init=False)

    def __post_init__(self) -> None:
        self._start(self.settings)

    def close(self) -> None:
        """End the connections, as the end of the process would."""
        for client in self.provider.connection._clients.values():
            client.close()

    def connect(self, **changes: Any) -> None:
        """Start the provider anew, as another run would."""
        self.close()
        self._start(replace(self.settings, **changes))

    def _start(self, settings: Settings) -> None:
        self.settings = settings
        self.provider = self.adapter()
        self.provider.connect(Connection(settings))

    def code(self, text: str = "", folder: str = "code") -> str:
        """A folder with a handler in Python, and this text behind it."""
        path = self.folder / folder
        path.mkdir(exist_ok=True)
        (path / "index.py").write_text(HANDLER + text)
        return str(path)

    def inputs(self, name: str = "guard", *, owner: str | None = None, **given: Any) -> dict[str, Any]:
        """Arguments as check hands them on; an image they name is in the repository."""
        if "code" in given:
            given.setdefault("runtime", "python3.13")
        if "image_tag" in given:
            self.platform.images.add(given["image_tag"])
        result = self.provider.check({}, {"name": name, "__owner": owner or f"project/stack/{name}", **given})
        assert result.failures == [], result.failures
        inputs: dict[str, Any] = plain(result.inputs)
        return inputs

    def create(self, inputs: dict[str, Any]) -> dict[str, Any]:
        outs: dict[str, Any] = plain(self.provider.create(inputs).outs)
        return outs

    def update(self, state: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        outs: dict[str, Any] = plain(self.provider.update(inputs["name"], state, inputs).outs)
        return outs

    def delete(self, state: dict[str, Any]) -> None:
        self.provider.delete(state["name"], state)

    def changes(self, state: dict[str, Any], inputs: dict[str, Any]) -> bool:
        return bool(self.provider.diff(inputs["name"], state, inputs).changes)

    def refreshed(self, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        result = self.provider.read(state["name"], state)
        assert result.id == state["name"]
        return plain(result.outs), plain(result.inputs)

    @property
    def names(self) -> list[str]:
        return [row["name"] for row in self.platform.plugins.search({})["data"]]

    def live(self, name: str = "guard") -> dict[str, Any]:
        return self.platform.plugins.get(f"Plugin-{name}")

    def requests(self, *methods: str) -> list[dict[str, Any]]:
        """What was asked about plugins, of these methods."""
        asked = [r for r in self.platform.requests() if "/plugins" in r["path"]]
        return [r for r in asked if not methods or r["method"] in methods]

    def logins(self) -> list[dict[str, Any]]:
        return [request for request in self.platform.requests() if request["path"].endswith("/accessToken")]

    def client(self) -> Client:
        """The client the provider uses."""
        client: Client = self.provider.connection.client(None)
        return client

    def writes(self) -> list[dict[str, Any]]:
        return self.requests("POST", "PATCH", "DELETE")

    def by_hand(self, config: dict[str, Any], code: bytes | None = None, name: str = "guard") -> None:
        """Somebody changes the plugin in the BioT Console."""
        self.platform.plugins.update(f"Plugin-{name}", config, code)


@pytest.fixture
def sleeps(mocker: MockerFixture) -> Any:
    """Waits between attempts take no time; gives the mock that counted them."""
    mock = mocker.patch("biot_provider.lifecycle.settle.pause")
    mocker.patch("biot_provider.api.transport.pause", mock)
    return mock


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A platform over HTTP, and the dynamic provider where a module asks for no other."""
    data = tmp_path / "data"
    with Platform(data) as platform, running(data) as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        world = World(platform, tmp_path, settings, getattr(request, "param", PluginProvider))
        yield world
        world.close()


@dataclass
class Account:
    """A platform and the providers of own-account resources as the engine uses them, one process of it."""

    platform: Platform
    settings: Settings

    def __post_init__(self) -> None:
        self.api = Client.connect(self.settings)
        """Somebody else with every permission, to look and to change things behind Pulumi's back."""
        self._connections: list[Connection] = []
        self.run_anew()

    def run_anew(self, **changes: Any) -> None:
        """Start the providers anew, as another run of `pulumi` would."""
        self.settings = replace(self.settings, **changes)
        connection = Connection(self.settings)
        self._connections.append(connection)
        self._providers: dict[type[DynamicProvider], Any] = {}
        for kind in (
            ServiceUserProvider,
            ServiceUserKeyProvider,
            InterceptionSubscriptionProvider,
            NotificationSubscriptionProvider,
        ):
            provider: Any = kind()
            provider.connect(connection)
            self._providers[kind] = provider
        HELD.clear()

    def close(self) -> None:
        self.api.close()
        for connection in self._connections:
            for client in connection._clients.values():
                client.close()

    def of(self, kind: type[DynamicProvider]) -> Any:
        """The provider of a kind."""
        return self._providers[kind]

    def inputs(self, kind: type[DynamicProvider], resource: str = "mine", **given: Any) -> dict[str, Any]:
        """Arguments as check hands them on."""
        result = self.of(kind).check({}, {"__owner": f"shop/dev/{resource}", **given})
        assert result.failures == [], result.failures[0].reason
        return dict(plain(result.inputs))

    def create(self, kind: type[DynamicProvider], inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The id and the state."""
        result = self.of(kind).create(inputs)
        return result.id, plain(result.outs)

    def asked(self) -> list[str]:
        """What was asked of service users and subscriptions since `forget`, logins apart."""
        asked = [(r["method"], r["path"]) for r in self.platform.requests() if not r["path"].endswith("/accessToken")]
        return [f"{method} {path}" for method, path in asked]

    def forget(self) -> None:
        self.platform.request_log.clear()


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """A platform over HTTP, for own-account resources."""
    data = tmp_path / "data"
    with Platform(data) as platform, running(data) as base_url:
        account = Account(platform, Settings(base_url, platform.service_id, platform.service_secret_key))
        yield account
        account.close()
