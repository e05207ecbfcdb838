"""Restricts access to a served platform: excludes web pages in a browser on this machine, and its other accounts.

The loopback interface only keeps the network out: a web page can send requests to it, even under its own host name (DNS
rebinding), and so can every account and container of the machine.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from werkzeug.wrappers import Request

    from biot_provider.emulator.database import Store

KEY_FILE = "control.key"
KEY_HEADER = "X-Emulator-Key"
KEY_ENVIRON = "HTTP_X_EMULATOR_KEY"

SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
"""A Content-Security-Policy that isolates a page from others at the same address."""

_NAMES = ("127.0.0.1", "localhost", "[::1]")


def allowed_hosts(port: int, scheme: str, others: Iterable[str] = ()) -> frozenset[str]:
    """Return the allowed values of the header Host, in lower case: the loopback interface's, and `others`."""
    hosts = {f"{name}:{port}" for name in _NAMES}
    if port == {"http": 80, "https": 443}[scheme]:
        hosts.update(_NAMES)
    return frozenset(hosts | {name.lower() for name in others})


def comes_from_web_page(request: Request) -> bool:
    """Return whether a web page sent the request, except for pages of this very address that only read.

    Browsers send `Origin` with every request that may change something, and `Sec-Fetch-Site` with every request.
    """
    return "Origin" in request.headers or is_of_another_site(request)


def is_of_another_site(request: Request) -> bool:
    """Return whether a page of another address caused the request."""
    return request.headers.get("Sec-Fetch-Site", "none").lower() not in ("none", "same-origin")


def may_become_document(request: Request) -> bool:
    """Return whether a browser may show the response as a page or in one, where its scripts would run."""
    used_as = request.headers.get("Sec-Fetch-Dest")
    if used_as is None:
        return "text/html" in request.headers.get("Accept", "")
    return used_as not in ("empty", "image", "audio", "video", "font", "style", "script", "json", "report")


def is_sent_by_own_page(request: Request) -> bool:
    """Return whether a page of this very address sent the request, as its console does."""
    own = request.headers.get("Origin") == request.host_url.rstrip("/")
    return own and not is_of_another_site(request)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically and with its mode."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class ConsoleKey:
    """The key of the console, in the address that `biot-provider emulator` prints; each process has a new key.

    It gives access to the routes of the console's page, and no others.
    """

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(32)

    def address(self, base_url: str) -> str:
        """Return the console's address. The part after `#` does not leave the browser, where the page reads it."""
        return f"{base_url}/#key={self._key}"

    def fits(self, given: str | None) -> bool:
        """Return whether this is the key."""
        return hmac.compare_digest((given or "").encode(), self._key.encode())


class ControlKey:
    """The key of the control endpoints: in the database, and in a file beside it that only its owner can read."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self.path = folder / KEY_FILE

    def read(self) -> str:
        """Return the key, and write it to the file if it is not there."""
        key = self._stored()
        if not self._is_in_file(key):
            write_private(self.path, key)
        return key

    def fits(self, given: str | None) -> bool:
        """Return whether this is the key."""
        return hmac.compare_digest((given or "").encode(), self._stored().encode())

    def _stored(self) -> str:
        return self._store.fact_or_new("control key", lambda: secrets.token_urlsafe(32))

    def _is_in_file(self, key: str) -> bool:
        with contextlib.suppress(OSError):
            mode = self.path.lstat().st_mode
            return stat.S_ISREG(mode) and not mode & 0o077 and self.path.read_bytes() == key.encode()
        return False
