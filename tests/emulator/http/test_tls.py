"""The platform over HTTPS, with a certificate made for the test."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from biot_provider.emulator.http.server import running

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from biot_provider.emulator import Platform


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client needs that trusts the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def address(platform: Platform, tmp_path: Path, authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with running(tmp_path / "data", tls=context) as base_url:
        yield base_url


@pytest.fixture
def http(address: str, trusting: ssl.SSLContext) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, verify=trusting, timeout=60) as http:
        yield http


def log_in(http: httpx.Client, platform: Platform) -> None:
    body = {"id": platform.service_id, "secretKey": platform.service_secret_key}
    token = http.post("/ums/v2/services/accessToken", json=body).json()["accessToken"]
    http.headers["Authorization"] = f"Bearer {token}"


def test_it_serves_https_and_its_plugins_know_the_address(http: httpx.Client, platform: Platform, address: str) -> None:
    assert address.startswith("https://127.0.0.1:")
    log_in(http, platform)
    config = b'{"name":"guard","displayName":"Guard","version":1}'
    created = http.post("/settings/v2/plugins", files={"config": (None, config)})
    assert created.status_code == 201
    assert created.json()["environmentVariables"]["BIOT_BASE_URL"] == address
    assert created.json()["endpointUrl"].startswith(f"{address}/_functions/")
    assert http.get(created.json()["endpointUrl"]).status_code == 200


def test_a_client_that_does_not_trust_the_certificate_is_none(address: str) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{address}/settings/v1/system/properties", timeout=60)


def test_a_connection_without_a_handshake_holds_nobody_up(http: httpx.Client, address: str) -> None:
    host, port = httpx.URL(address).host, httpx.URL(address).port
    with socket.create_connection((host, port or 0)):
        assert http.get("/settings/v1/system/properties").status_code == 200


def test_plain_http_gets_no_answer(address: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(address.replace("https", "http"), verify=False, timeout=60)


@pytest.mark.parametrize("kind", ["reset", "reset-after-commit", "truncated"])
def test_faults_cut_the_connection_as_they_do_without_tls(http: httpx.Client, platform: Platform, kind: str) -> None:
    platform.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        http.get("/settings/v1/system/properties")
    assert http.get("/settings/v1/system/properties").status_code == 200


def test_a_caller_that_gives_up_waiting_frees_the_server(http: httpx.Client, platform: Platform) -> None:
    platform.faults.add("hang")
    with pytest.raises(httpx.ReadTimeout):
        http.get("/settings/v1/system/properties", timeout=httpx.Timeout(5, read=0.2))
    assert http.get("/settings/v1/system/properties").status_code == 200


def test_the_end_does_not_wait_for_callers(platform: Platform, tmp_path: Path, authority: Any, trusting: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ExitStack() as ends:
        base_url = ends.enter_context(running(tmp_path / "data", tls=context))
        http = ends.enter_context(httpx.Client(base_url=base_url, verify=trusting, timeout=60))
        assert http.get("/settings/v1/system/properties").status_code == 200
        with Stopwatch() as stopwatch:
            ends.close()
    assert stopwatch.seconds < 5
