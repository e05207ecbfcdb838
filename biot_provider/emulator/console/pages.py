"""The files of the console.

They contain no data of the platform: the page's script requests the data with the key. So whoever opens the address
without a key only sees a text that says where to find the key.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from biot_provider.emulator.http.guard import comes_from_web_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

CONSOLE = "/_emulator/console/"
"""The path of the console's files and routes; the page itself is at the address without a path."""

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "console.svg": "image/svg+xml",
}


def is_page_request(request: Request) -> bool:
    """Return whether a browser requests the page or one of its files; a link on another page may open the page."""
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
    """Return the headers that isolate the page from other pages and scripts."""
    own = f"{address}{CONSOLE}"
    policy = {
        "default-src": "'none'",
        # No other script of this address, since plugins respond below it too.
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
