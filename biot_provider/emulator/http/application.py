"""The platform as a WSGI application: routes, error bodies, faults and the request log.

The caller is authorized before the body is read: an unauthorized request gets its response and log entry without its
body.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Request, Response

from biot_provider.emulator.console.pages import CONSOLE, is_page_request, page
from biot_provider.emulator.http.errors import ApiError, envelope, method_not_allowed
from biot_provider.emulator.http.guard import KEY_ENVIRON, comes_from_web_page, is_sent_by_own_page
from biot_provider.emulator.http.request_body import limit_body
from biot_provider.emulator.http.routes import Call, json_response, url_map
from biot_provider.emulator.plugins.responses import FUNCTIONS
from biot_provider.emulator.testing.apply_fault import cut, fault_response
from biot_provider.emulator.testing.request_log import redacted, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from biot_provider.emulator.access.identity import Identity
    from biot_provider.emulator.http.routes import Route
    from biot_provider.emulator.testing.faults import Fault, Faults
    from biot_provider.emulator.testing.request_log import RequestLog
    from biot_provider.emulator.testing.routes import Control
    from biot_provider.emulator.testing.variants import Variants

CONTROL = "/_emulator/"

_SERVICES = {
    "settings": "Settings Service",
    "ums": "User Management Service",
    "dispatcher": "Dispatcher Service",
    "organization": "Organization Service",
}


class Application:
    """Responds to every request. Raises `ConnectionCut` if a fault leaves the caller without a complete response.

    `age` returns the seconds since the last write of the plugin at the end of a path. Without a `control` the
    emulator's own routes do not exist.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        identity: Identity,
        faults: Faults,
        request_log: RequestLog,
        control: Control | None,
        age: Callable[[str], float | None],
        variants: Variants,
    ) -> None:
        self._identity = identity
        self._faults = faults
        self._request_log = request_log
        self._control = control
        self._age = age
        self._variants = variants
        self._routes = {(route.method, route.path): route for route in routes}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request, as a WSGI application."""
        if "CONTENT_LENGTH" not in environ and environ.get("HTTP_TRANSFER_ENCODING"):
            environ["wsgi.input_terminated"] = True
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if self._control is not None and is_page_request(request):
            return page(request)
        # The function itself decides whether pages may call it.
        if not request.path.startswith(FUNCTIONS) and comes_from_web_page(request):
            calls_console = self._control is not None and request.path.startswith(CONSOLE)
            if not (calls_console and is_sent_by_own_page(request)):
                return json_response({"error": "no web page may call the emulator"}, 403)
        if self._control is not None and request.path.startswith(CONTROL):
            return self._control.respond(request)
        # Only the control routes may see the key: it must not reach plugins.
        request.environ.pop(KEY_ENVIRON, None)
        return self._respond_to_caller(Call(request))

    def _respond_to_caller(self, call: Call) -> Response:
        fault = self._faults.take(call.request.method, call.request.path, lambda: self._age(call.request.path))
        if fault is None:
            response = self._act(call)
            self._log(call, response, None)
            return response
        return self._respond_with_fault(fault, call)

    def _respond_with_fault(self, fault: Fault, call: Call) -> Response:
        """Respond under a fault: with the fault's response, late, or not at all."""
        if fault.when == "before":
            time.sleep(fault.latency)
        own = fault_response(fault, _service(call.request), call.trace_id)
        acted = fault.when == "after" or fault.cut == "reset-after" or (own is None and fault.cut is None)
        response = None
        if acted:
            response = self._act(call)
        else:
            self._read_unanswered(call)
        response = own or response
        if fault.when == "after":
            time.sleep(fault.latency)
        self._log(call, None if fault.cut else response, fault, acted=acted)
        if fault.cut is not None:
            cut(fault.cut, response, call.request.environ, acted=acted)
        assert response is not None  # noqa: S101  (without a cut, either the fault or the platform has answered)
        return response

    def _act(self, call: Call) -> Response:
        """Perform the request and return its response, errors as error bodies."""
        try:
            route, arguments = self._admit(call)
            answer = route.respond(call, **arguments)
        except (ApiError, HTTPException) as error:
            problem = error if isinstance(error, ApiError) else _unread(error)
            answer = problem.status, envelope(problem, service=_service(call.request), trace_id=call.trace_id)
        if isinstance(answer, Response):
            return answer
        status, body = answer
        if body is None:
            return Response(status=status)
        if "traceId" in body:
            body["traceId"] = call.trace_id
        body = self._variants.show(call.request.method, call.request.path, status, body)
        return json_response(body, status)

    def _admit(self, call: Call) -> tuple[Route, dict[str, Any]]:
        """Return the route, and the values in the path, for a caller that may use it."""
        route, arguments = self._route(call.request)
        limit_body(call.request, route.max_body)
        if route.permission is not None:
            self._identity.require(call.request.headers.get("Authorization"), route.permission)
        return route, arguments

    def _read_unanswered(self, call: Call) -> None:
        """Read the body of an authenticated caller for the request log, although the platform does not use it."""
        with contextlib.suppress(ApiError, HTTPException):
            route, _ = self._admit(call)
            if route.permission is not None:
                _ = call.json if call.request.is_json else call.parts

    def _route(self, request: Request) -> tuple[Route, dict[str, Any]]:
        try:
            endpoint, arguments = url_map(tuple(self._routes)).bind_to_environ(request.environ).match()
        except MethodNotAllowed:
            raise method_not_allowed(request.method) from None
        except HTTPException:
            raise ApiError(404, "NOT_FOUND", f"No such API: {request.path}") from None
        return self._routes[endpoint], dict(arguments)

    def _log(self, call: Call, response: Response | None, fault: Fault | None, *, acted: bool = True) -> None:
        """Log the request; `status` is the one that the caller got, null without a response."""
        request = call.request
        self._request_log.add(
            {
                "time": time.time(),
                "method": request.method,
                "path": request.path,
                "query": request.query_string.decode("latin-1"),
                "traceparent": request.headers.get("traceparent"),
                "traceId": call.trace_id,
                "parts": [
                    {
                        "name": part.name,
                        "filename": part.filename,
                        "contentType": part.content_type,
                        "size": len(part.content),
                    }
                    for part in call.parts_read
                ],
                "config": redacted(call.config_read),
                "body": without_secrets(call.json_read) if _is_known(response) else None,
                "status": response.status_code if response else None,
                "code": _code(response),
                "fault": (fault.kind or fault.cut or fault.status or "latency") if fault else None,
                "acted": acted,
            }
        )


def _unread(error: HTTPException) -> ApiError:
    """Return the error for a body that is too long or cannot be read."""
    name = "PAYLOAD_TOO_LARGE" if error.code == 413 else "BAD_REQUEST"
    return ApiError(error.code or 400, name, str(error.description))


def _is_known(response: Response | None) -> bool:
    """Return whether the caller is authenticated."""
    return response is None or response.status_code not in (401, 403)


def _code(response: Response | None) -> str | None:
    """Return the code in an error body of the platform, the image registry or ECR, if there is one."""
    if response is None or response.status_code < 400:
        return None
    try:
        body = json.loads(response.get_data())
        code = body.get("code") or body.get("__type") or body["errors"][0]["code"]
    except (ValueError, AttributeError, LookupError):
        return None
    return str(code)


def _service(request: Request) -> str:
    return _SERVICES.get(request.path.split("/")[1], "API Gateway")
