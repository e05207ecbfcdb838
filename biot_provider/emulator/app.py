"""The platform as a WSGI application: routes, error bodies, faults and the journal of requests."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from .control import Control
from .journal import redacted
from .multipart import config_and_code, read_parts
from .refusals import Refusal, envelope
from .strike import cut, replacement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .faults import Fault, Faults
    from .identity import Identity
    from .journal import Journal
    from .keys import Keys
    from .multipart import Part
    from .plugins import Plugins
    from .switches import Switches

BIOT_VERSION = "2.4.3"
CONTROL = "/_emulator/"

_PLUGIN = "/settings/v2/plugins/<name>"
_ROUTES = Map(
    [
        Rule("/ums/v2/services/accessToken", methods=["POST"], endpoint="log_in"),
        Rule("/ums/v2/users/login", methods=["POST"], endpoint="log_in_person"),
        Rule("/ums/v2/users/token/refresh", methods=["POST"], endpoint="refresh"),
        Rule("/ums/v2/users/token/login", methods=["POST"], endpoint="log_in_again"),
        Rule("/ums/v1/security/public-key", methods=["GET"], endpoint="public_key"),
        Rule("/settings/v1/system/properties", methods=["GET"], endpoint="properties"),
        Rule("/settings/system/healthCheck", methods=["GET"], endpoint="health"),
        Rule("/settings/v2/plugins", methods=["POST"], endpoint="create"),
        Rule("/settings/v2/plugins", methods=["GET"], endpoint="search"),
        Rule(_PLUGIN, methods=["GET"], endpoint="get"),
        Rule(_PLUGIN, methods=["PATCH"], endpoint="update"),
        Rule(_PLUGIN, methods=["PUT"], endpoint="replace"),
        Rule(_PLUGIN, methods=["DELETE"], endpoint="delete"),
    ],
    strict_slashes=True,
    merge_slashes=False,
    redirect_defaults=False,
)
_PERMISSIONS = {
    "create": "SETTINGS_PLUGIN_CREATE",
    "search": "SETTINGS_PLUGIN_SEARCH",
    "get": "SETTINGS_PLUGIN_GET",
    "update": "SETTINGS_PLUGIN_UPDATE",
    "replace": "SETTINGS_PLUGIN_UPDATE",
    "delete": "SETTINGS_PLUGIN_DELETE",
}
"""What a call needs; the ones not here are public."""
_SERVICES = {"settings": "Settings Service", "ums": "User Management Service"}
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class App:
    """Answers every request; raises `ConnectionCut` where a fault leaves the caller without an answer."""

    def __init__(
        self,
        plugins: Plugins,
        identity: Identity,
        keys: Keys,
        switches: Switches,
        faults: Faults,
        journal: Journal,
    ) -> None:
        self._plugins = plugins
        self._identity = identity
        self._keys = keys
        self._switches = switches
        self._faults = faults
        self._journal = journal
        self._control = Control(plugins, identity, switches, faults, journal)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI interface."""
        if "CONTENT_LENGTH" not in environ and environ.get("HTTP_TRANSFER_ENCODING"):
            environ["wsgi.input_terminated"] = True
        request = Request(environ)
        answer = self._control.answer if request.path.startswith(CONTROL) else self._answer
        return answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        trace_id = _trace_id(request)
        parts, unreadable = _parts(request)
        fault = self._faults.take(request.method, request.path, lambda: self._plugins.age(request.path))
        if fault is None:
            response = self._act(request, parts, unreadable, trace_id)
            self._note(request, parts, response, None)
            return response
        return self._struck(fault, request, parts, unreadable, trace_id)

    def _struck(
        self, fault: Fault, request: Request, parts: list[Part], unreadable: Refusal | None, trace_id: str
    ) -> Response:
        """The answer under a fault: its own one, the platform's own but late, or none."""
        if fault.when == "before":
            time.sleep(fault.latency)
        own = replacement(fault, _service(request), trace_id)
        acted = fault.when == "after" or fault.cut == "reset-after" or (own is None and fault.cut is None)
        response = self._act(request, parts, unreadable, trace_id) if acted else None
        response = own or response
        if fault.when == "after":
            time.sleep(fault.latency)
        self._note(request, parts, None if fault.cut else response, fault, acted=acted)
        if fault.cut is not None:
            cut(fault.cut, response, request.environ, acted=acted)
        assert response is not None  # noqa: S101  (without a cut, either the fault or the platform has answered)
        return response

    def _act(self, request: Request, parts: list[Part], unreadable: Refusal | None, trace_id: str) -> Response:
        """What the platform does and says, refusals as error bodies."""
        try:
            endpoint, arguments = self._route(request)
            if endpoint in _PERMISSIONS:
                self._identity.require(request.headers.get("Authorization"), _PERMISSIONS[endpoint])
            if endpoint in ("create", "update", "replace") and unreadable is not None:
                raise unreadable
            status, body = getattr(self, f"_{endpoint}")(request, parts, **arguments)
        except Refusal as refusal:
            status, body = refusal.status, envelope(refusal, service=_service(request), trace_id=trace_id)
        if body is None:
            return Response(status=status)
        if "traceId" in body:
            body["traceId"] = trace_id
        return Response(json.dumps(body), status=status, content_type="application/json")

    def _route(self, request: Request) -> tuple[str, dict[str, Any]]:
        try:
            endpoint, arguments = _ROUTES.bind_to_environ(request.environ).match()
        except MethodNotAllowed:
            raise _not_allowed(request) from None
        except HTTPException:
            raise Refusal(404, "NOT_FOUND", f"No such API: {request.path}") from None
        if endpoint == "replace" and self._switches.read().put == "refused":
            raise _not_allowed(request)
        return endpoint, dict(arguments)

    def _log_in(self, request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, self._identity.log_in(_json(request))

    def _log_in_person(self, request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, self._identity.people.log_in(_json(request))

    def _refresh(self, request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, self._identity.people.refresh(_json(request))

    def _log_in_again(self, request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, self._identity.people.log_in_again(_json(request))

    def _public_key(self, _request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, {"publicKey": self._keys.public(), "previousPublicKey": None}

    def _properties(self, _request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, {"biotVersion": BIOT_VERSION}

    def _health(self, _request: Request, _parts: list[Part]) -> tuple[int, Any]:
        return 200, {"version": "embedded", "springVersion": "none", "traceId": ""}

    def _create(self, request: Request, parts: list[Part]) -> tuple[int, Any]:
        config, code = config_and_code(parts)
        return 201, self._plugins.create(config, code, request.host_url.rstrip("/"))

    def _update(self, _request: Request, parts: list[Part], name: str) -> tuple[int, Any]:
        config, code = config_and_code(parts)
        return 200, self._plugins.update(name, config, code)

    def _replace(self, _request: Request, parts: list[Part], name: str) -> tuple[int, Any]:
        config, code = config_and_code(parts)
        return 200, self._plugins.update(name, config, code, replace=True)

    def _get(self, _request: Request, _parts: list[Part], name: str) -> tuple[int, Any]:
        return 200, self._plugins.get(name)

    def _delete(self, _request: Request, _parts: list[Part], name: str) -> tuple[int, Any]:
        self._plugins.delete(name)
        return 204, None

    def _search(self, request: Request, _parts: list[Part]) -> tuple[int, Any]:
        try:
            query = json.loads(request.args.get("searchRequest") or "{}")
        except ValueError:
            raise Refusal(400, "BAD_REQUEST", "searchRequest must be JSON") from None
        return 200, self._plugins.search(query)

    def _note(
        self, request: Request, parts: list[Part], response: Response | None, fault: Fault | None, *, acted: bool = True
    ) -> None:
        """Put the request into the journal; `status` is what the caller got, none when it got no answer."""
        self._journal.add(
            {
                "time": time.time(),
                "method": request.method,
                "path": request.path,
                "query": request.query_string.decode("latin-1"),
                "traceparent": request.headers.get("traceparent"),
                "parts": [
                    {
                        "name": part.name,
                        "filename": part.filename,
                        "contentType": part.content_type,
                        "size": len(part.content),
                    }
                    for part in parts
                ],
                "config": _config(parts),
                "status": response.status_code if response else None,
                "code": _code(response),
                "fault": (fault.kind or fault.cut or fault.status or "latency") if fault else None,
                "acted": acted,
            }
        )


def _parts(request: Request) -> tuple[list[Part], Refusal | None]:
    """The parts of a multipart request; what is wrong with them counts only once somebody wants them."""
    try:
        return read_parts(request), None
    except Refusal as refusal:
        return [], refusal


def _json(request: Request) -> Any:
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise Refusal(400, "BAD_REQUEST", "the body must be JSON") from None


def _config(parts: list[Part]) -> Any:
    try:
        return redacted(config_and_code(parts)[0])
    except Refusal:
        return None


def _code(response: Response | None) -> str | None:
    """The code of an error body, where there is one."""
    if response is None or response.status_code < 400:
        return None
    try:
        code = json.loads(response.get_data()).get("code")
    except (ValueError, AttributeError):
        return None
    return str(code)


def _service(request: Request) -> str:
    return _SERVICES.get(request.path.split("/")[1], "API Gateway")


def _trace_id(request: Request) -> str:
    """The caller's W3C trace id where it gives one, else a fresh one."""
    match = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    return match.group(1) if match else secrets.token_hex(8)


def _not_allowed(request: Request) -> Refusal:
    return Refusal(405, "METHOD_NOT_ALLOWED", f"Request method '{request.method}' is not supported")
