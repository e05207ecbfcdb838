"""TLS with an authority of the tests' own."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme


@pytest.fixture(scope="session")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """The certificate of an authority, and a server's context with a key that it has signed."""
    authority, file = trustme.CA(), tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return file, context


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext | None:
    if request.param == "http":
        return None
    file: Path
    context: ssl.SSLContext
    file, context = request.getfixturevalue("_authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return context
