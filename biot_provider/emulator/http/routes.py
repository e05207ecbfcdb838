"""The platform's routes: method and path, required permission, and the function that responds.

Each area of the API (plugins, access, ...) lists its routes; `application` serves them all.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response

from biot_provider.emulator.http.errors import ApiError
from biot_provider.emulator.http.json_body import read_json
from biot_provider.emulator.http.multipart import config_and_code, read_parts
from biot_provider.emulator.plugins.responses import IN_PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from biot_provider.emulator.http.multipart import Part

MAX_BODY_BYTES = 1 << 20
"""Default maximum bytes of a request's body."""
MAX_LOGIN_BYTES = 1 << 16
"""Maximum bytes of a body that anybody may send."""
SERVED = "biot_provider.served"
"""Key in a WSGI environment: the request came over a socket."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Call:
    """A request in the form that a route's function gets."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @property
    def base_url(self) -> str:
        """The address that the caller used, without a path; a placeholder in the same process."""
        if SERVED not in self.request.environ:
            return IN_PROCESS
        return self.request.host_url.rstrip("/")

    @cached_property
    def trace_id(self) -> str:
        """The caller's W3C trace id if it gives one, else a new one."""
        match = _TRACEPARENT.fullmatch(self.request.headers.get("traceparent", ""))
        return match.group(1) if match else secrets.token_hex(8)

    @property
    def traceparent(self) -> str:
        """The header with which further calls belong to this trace."""
        return f"00-{self.trace_id:0>32}-{secrets.token_hex(8)}-01"

    @cached_property
    def parts(self) -> list[Part]:
        """The parts of a multipart body; none for another body. Raises ApiError if they cannot be read."""
        return read_parts(self.request)

    @property
    def config_and_code(self) -> tuple[Any, bytes | None]:
        """The part `config` as JSON and the part `code`. Raises ApiError."""
        return config_and_code(self.parts)

    @property
    def parts_read(self) -> list[Part]:
        """The parts that were read so far, if any."""
        return self.parts if "parts" in self.__dict__ else []

    @property
    def config_read(self) -> Any:
        """The JSON of the part `config`, if it was read and is valid."""
        try:
            return config_and_code(self.parts_read)[0]
        except ApiError:
            return None

    @property
    def json_read(self) -> Any:
        """The JSON of the body, if it was read."""
        return self.json if "json" in self.__dict__ else None

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises ApiError."""
        if not may_be_json(self.request):
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "the body must be application/json")
        try:
            return read_json(self.request.get_data())
        except ValueError:
            raise ApiError(400, "BAD_REQUEST", "the body must be JSON") from None

    @property
    def search_request(self) -> Any:
        """The parameter `searchRequest` as JSON; an empty object if it is missing. Raises ApiError."""
        try:
            return read_json(self.request.args.get("searchRequest") or "{}")
        except ValueError:
            raise ApiError(400, "BAD_REQUEST", "searchRequest must be JSON") from None


def may_be_json(request: Request) -> bool:
    """Return whether a request declares its body as JSON, or does not declare it."""
    return request.is_json or not request.mimetype


def json_response(body: Any, status: int, content_type: str = "application/json") -> Response:
    """Return a response with a JSON body."""
    return Response(json.dumps(body), status=status, content_type=content_type)


@cache
def url_map(endpoints: tuple[tuple[str, str], ...]) -> Map:
    """Compile methods and paths; a match gives the pair. Cached, since it takes 30 ms and all platforms share them."""
    rules = [Rule(path, methods=[method], endpoint=(method, path)) for method, path in endpoints]
    return Map(rules, strict_slashes=True, merge_slashes=False, redirect_defaults=False)


@dataclass(frozen=True)
class Route:
    """One endpoint. `respond` takes the call and the path's names and returns a status and JSON, or a response."""

    method: str
    path: str
    respond: Callable[..., tuple[int, Any] | Response]
    permission: str | None = None
    """The permission that the token needs; None: the route is public, or authenticates callers in another way."""
    max_body: int = MAX_BODY_BYTES
    """Maximum bytes. A body is read only after the caller is authorized for the route."""
