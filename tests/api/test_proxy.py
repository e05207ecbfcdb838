"""Through a proxy and by an authority of one's own, as in a company's network."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from pytest_mock import MockerFixture

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.errors import ConfigError, TransportError

from ..uncoded import uncoded

if TYPE_CHECKING:
    from tests.conftest import Tunnel

ADDRESS = "https://api.dev.acme.example"


@pytest.fixture(autouse=True)
def _no_waits(mocker: MockerFixture) -> None:
    mocker.patch("biot_provider.api.transport.time.sleep")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def platform(tmp_path: Path, tunnel: Tunnel, authority: trustme.CA) -> Iterator[Platform]:
    """A platform that only the tunnel leads to, under a name that resolves nowhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.dev.acme.example").configure_cert(context)
    with (
        Platform(tmp_path / "data") as platform,
        running(tmp_path / "data", tls=context, names=[ADDRESS.partition("//")[2]]) as base_url,
    ):
        tunnel.lead_to(int(base_url.rpartition(":")[2]))
        yield platform


@pytest.fixture
def client(platform: Platform, monkeypatch: pytest.MonkeyPatch, tunnel: Tunnel) -> Iterator[Client]:
    monkeypatch.setenv("HTTPS_PROXY", tunnel.address)
    client = Client.connect(Settings(ADDRESS, platform.service_id, platform.service_secret_key))
    yield client
    client.close()


@pytest.fixture
def _trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("_trusted")
def test_a_plugin_is_deployed_through_a_proxy_to_a_platform_of_a_private_authority(
    client: Client, platform: Platform, tunnel: Tunnel
) -> None:
    client.create_plugin({"name": "guard", "displayName": "Guard", "version": 1})
    assert platform.plugins.get("Plugin-guard")["displayName"] == "Guard"
    assert set(tunnel.asked) == {"CONNECT api.dev.acme.example:443"}


def test_an_authority_nobody_named_is_not_trusted_through_a_proxy_either(client: Client, platform: Platform) -> None:
    with pytest.raises(TransportError, match=r"cannot be reached \(.*CERTIFICATE_VERIFY_FAILED") as raised:
        client.get_plugin("guard")
    assert "SSL_CERT_FILE" in str(raised.value.advice)
    assert not raised.value.unclear
    assert platform.requests() == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="the authorities in SSL_CERT_FILE or SSL_CERT_DIR cannot be read"):
        Client.connect(Settings(ADDRESS, "an-id", "canary-key"))


@pytest.mark.parametrize("proxy", ["http://[::1", "http://proxy:99999"])
def test_a_proxy_that_is_no_address_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConfigError, match="the proxy in HTTPS_PROXY or ALL_PROXY cannot be used"):
        Client.connect(Settings(ADDRESS, "an-id", "canary-key"))


def test_a_proxy_that_is_not_there_is_among_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = Client.connect(Settings(ADDRESS, "an-id", "canary-key"))
    with pytest.raises(TransportError) as raised:
        client.get_plugin("guard")
    client.close()
    assert raised.value.advice == "check biot:baseUrl, HTTPS_PROXY and the network"


@pytest.mark.usefixtures("_trusted")
def test_a_proxy_that_refuses_is_named_without_its_password(
    client: Client, platform: Platform, tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = secrets.token_urlsafe()
    monkeypatch.setenv("HTTPS_PROXY", tunnel.address.replace("//", f"//me:{password}@"))
    tunnel.refuse = True
    refused = Client.connect(Settings(ADDRESS, "an-id", "canary-key"))
    with pytest.raises(TransportError) as raised:
        refused.create_plugin({"name": "guard"})
    refused.close()
    assert uncoded(str(raised.value)) == (
        f"log in as service user an-id: the proxy does not lead to {ADDRESS} (403 Forbidden)."
        " What to do: check HTTPS_PROXY and NO_PROXY"
    )
    assert not raised.value.unclear
