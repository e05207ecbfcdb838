"""The files of the console. They hold nothing of the platform: what it shows, its script asks for with the key.

So whoever opens the address without a key sees the page's first words, which say where the key is.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from ..http.guard import comes_from_web_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

CONSOLE = "/_emulator/console/"
"""Where its files and its routes are; the page itself is the address without a path."""

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "console.svg": "image/svg+xml",
}


def is_page_request(request: Request) -> bool:
    """Return whether a browser asks for the page or one of its files; a link on any other page may open the page."""
    if request.method != "GET":
        return False
    if request.path == "/":
        follows_link = request.headers.get("Sec-Fetch-Dest") == "document" and "Origin" not in request.headers
        asks_for_page = "text/html" in request.headers.get("Accept", "")
        return asks_for_page and (follows_link or not comes_from_web_page(request))
    return request.path.removeprefix(CONSOLE) in _TYPES and not comes_from_web_page(request)


def page(request: Request) -> Response:
    """Return the page or a file of it."""
    name = "console.html" if request.path == "/" else request.path.removeprefix(CONSOLE)
    response = Response(_content(name), content_type=_TYPES.get(name, "text/html; charset=utf-8"))
    response.headers.extend(_closed(request.host_url.rstrip("/")))
    return response


@cache
def _content(name: str) -> bytes:
    return files(__package__).joinpath("files", name).read_bytes()


def _closed(address: str) -> dict[str, str]:
    """Return the headers that keep everything else out of the page, and the page from everything else."""
    own = f"{address}{CONSOLE}"
    policy = {
        "default-src": "'none'",
        # No other script of this address: plugins answer below it too.
        "script-src": f"{own}console.js",
        "style-src": f"{own}console.css",
        "img-src": f"{own}console.svg",
        "connect-src": own,
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
