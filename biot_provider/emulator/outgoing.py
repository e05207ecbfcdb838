"""Calls out of the platform, to endpoints in somebody's own account: one POST, no redirect followed, TLS checked.

Plain HTTP goes to the loopback interface only. Proxies are those of the environment, never for the loopback interface.
"""

from __future__ import annotations

import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 30.0
"""Time for a whole call."""
MOST = 6 * 2**20
"""Bytes of an answer, as many as a function may give."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Unreachable(Exception):  # noqa: N818  (what happened, not a fault of the program)
    """There is no answer; the text says why, in a few words."""


def post(endpoint: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body of the answer, whatever its status. Raises Unreachable."""
    url = urlsplit(endpoint)
    local = url.hostname in _LOOPBACK
    if url.scheme != "https" and not (local and url.scheme == "http"):
        raise Unreachable("it is not HTTPS")
    deadline = time.monotonic() + SECONDS
    opener = build_opener(_AsItIs, *([ProxyHandler({})] if local else []))
    try:
        with opener.open(Request(endpoint, body, dict(headers), method="POST"), timeout=SECONDS) as answer:  # noqa: S310
            names = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, names, _read(answer, deadline)
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            raise Unreachable(f"no answer within {SECONDS:g} s") from None
        raise Unreachable(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__) from None


class _AsItIs(HTTPErrorProcessor):
    """Takes every status for an answer: no error is raised and no redirect followed."""

    def http_response(self, request: Request, response: Any) -> Any:
        return response

    https_response = http_response


def _read(answer: Any, deadline: float) -> bytes:
    content = b""
    while chunk := answer.read1(2**16):
        content += chunk
        if len(content) > MOST:
            raise Unreachable(f"its answer has more than {MOST >> 20} MB")
        if time.monotonic() > deadline:
            raise TimeoutError
    return content
