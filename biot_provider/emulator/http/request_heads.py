"""Checks of a request's head before anything else handles the request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    import h11

MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100


class Problem(tuple[int, str]):
    """The reason why a request is refused before anything else handles it: a status and a text."""


def target_of(request: h11.Request, hosts: frozenset[str]) -> tuple[str, str] | Problem:
    """Return path and query of the request, or the problem with its head."""
    if request.http_version not in (b"1.0", b"1.1"):
        return Problem((505, "this is HTTP 1.0 and 1.1"))
    names = [name for name, _ in request.headers]
    if len(names) > MAX_HEADERS or sum(len(name) + len(value) for name, value in request.headers) > MAX_HEAD_BYTES:
        return Problem((431, f"a request has at most {MAX_HEADERS} headers, and {MAX_HEAD_BYTES >> 10} kB of them"))
    if b"transfer-encoding" in names and b"content-length" in names:
        return Problem((400, "a body has a Content-Length or a Transfer-Encoding, not both"))
    target = request.target.decode("latin-1")
    given = [value.decode("latin-1").lower() for name, value in request.headers if name == b"host"]
    if not target.startswith("/"):
        try:
            url = urlsplit(target)
        except ValueError:
            url = urlsplit("")
        if url.scheme not in ("http", "https"):
            return Problem((400, "the target of a request is a path"))
        given.append(url.netloc.lower())
        target = urlunsplit(("", "", url.path or "/", url.query, ""))
    if not given or not hosts.issuperset(given):
        return Problem((403, "the header Host must name the address that the emulator printed at its start"))
    path, _, query = target.partition("?")
    return path, query
