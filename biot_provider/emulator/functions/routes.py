"""The endpoints of deployed plugins: function URLs as in AWS Lambda, open to everybody who knows them.

Any method and any path below an endpoint is one call of the function. If a function fails, the response is a 502
without a reason, which is in the log (AWS Lambda Developer Guide, function URLs). A web page may call functions that
allow it by CORS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from biot_provider.emulator.functions.pool import THROTTLED
from biot_provider.emulator.functions.runtime.function import TOO_LARGE
from biot_provider.emulator.http.guard import SANDBOX, is_of_another_site, may_become_document
from biot_provider.emulator.http.routes import Route, json_response
from biot_provider.emulator.plugins.responses import FUNCTIONS

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from biot_provider.emulator.delivery.hook_responses import HttpResponse
    from biot_provider.emulator.functions.deployments import Deployed, Functions
    from biot_provider.emulator.http.routes import Call

_ITS_OWN = ("connection", "content-length", "keep-alive", "transfer-encoding", "upgrade")
"""Headers that the connection sets, regardless of the plugin's response."""
_MAX_BODY_BYTES = 6 * 2**20
"""Maximum bytes of a request (AWS Lambda quotas, invocation payload)."""
_MAX_LOGGED_CHARACTERS = 200
"""Maximum characters of a path in a log."""
_SENDABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class FunctionsApi:
    """Function URLs over HTTP."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def routes(self) -> list[Route]:
        """List the routes."""
        endpoint = f"{FUNCTIONS}<function_id>/"
        return [
            Route(method, path, self._answer, max_body=_MAX_BODY_BYTES)
            for method in _METHODS
            for path in (endpoint, f"{endpoint}<path:rest>")
        ]

    def _answer(self, call: Call, function_id: str, rest: str = "") -> Response:
        from biot_provider.emulator.delivery.events import direct_event
        from biot_provider.emulator.delivery.hook_responses import http_response

        deployed = self._functions.find_by_id(function_id)
        if deployed is None:
            return _message(404, None)
        if not deployed.enabled:
            return _message(403, "Forbidden")
        request = call.request
        origin = request.headers.get("Origin")
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not _may_call(request, deployed, None if asks else request.method):
            return _message(403, "Forbidden")
        if asks and origin:
            return _preflight(deployed, origin)
        try:
            body = request.get_data()
        except RequestEntityTooLarge:
            return _too_large()
        event = direct_event(
            endpoint_url=f"{call.base_url}{FUNCTIONS}{function_id}/",
            method=request.method,
            path=f"/{rest}",
            query=request.query_string.decode("latin-1"),
            headers=dict(request.headers),
            body=body,
        )
        # The path is shown in a terminal.
        named = "".join(character if character.isprintable() else "?" for character in rest[:_MAX_LOGGED_CHARACTERS])
        what = f"{request.method} /{named}"
        called = self._functions.invoke(deployed, event, what, call.trace_id)
        if called.error_type == THROTTLED:
            return _throttled()
        if called.error is not None:
            return _too_large() if called.error_type == TOO_LARGE else _message(502, "Internal Server Error")
        answer = http_response(called.answer)
        problem = answer.problem or _unsendable(answer)
        if problem:
            self._functions.note(deployed.name, what, problem, call.trace_id)
            return _message(502, "Internal Server Error")
        response = Response(answer.body if answer.status not in (204, 304) else b"", answer.status)
        response.headers.clear()
        response.headers.extend({name: value for name, value in answer.headers.items() if name not in _ITS_OWN})
        for cookie in answer.cookies:
            response.headers.add("set-cookie", cookie)
        return _sandboxed(_shared(response, deployed, origin), request)


def _sandboxed(response: Response, request: Request) -> Response:
    """Give responses that a browser shows as a page a separate origin, since the console has the same address."""
    if may_become_document(request):
        response.headers.add("content-security-policy", SANDBOX)
    return response


def _unsendable(answer: HttpResponse) -> str | None:
    """Return why a response cannot be sent over HTTP."""
    if answer.status < 200:
        return f"statusCode is {answer.status}: no answer may have that"
    if all(_SENDABLE.fullmatch(text) for text in (*answer.headers, *answer.headers.values(), *answer.cookies)):
        return None
    return "headers or cookies hold characters that HTTP cannot send"


def _may_call(request: Request, deployed: Deployed, method: str | None) -> bool:
    """Return whether no other address's web page sent the request, or one that the plugin's CORS allows.

    If the browser does not name the page, only functions that are open to every page may be called. AWS runs the
    function anyway, and leaves it to the browser to hide the response.
    """
    origin = request.headers.get("Origin")
    if origin is None and not is_of_another_site(request):
        return True
    origins, methods = deployed.cors["allowOrigins"], deployed.cors["allowMethods"]
    return ("*" in origins or origin in origins) and (method is None or "*" in methods or method in methods)


def _too_large() -> Response:
    return _message(413, "Request Entity Too Large")


def _throttled() -> Response:
    """Return AWS's response for a function at its limit of simultaneous calls."""
    reason = {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
    return json_response(reason, 429)


def _message(status: int, text: str | None) -> Response:
    return json_response({"Message": text}, status)


def _preflight(deployed: Deployed, origin: str) -> Response:
    """Respond to a browser's preflight request, without calling the function."""
    response = _shared(Response(status=200), deployed, origin)
    if "access-control-allow-origin" in response.headers:
        for member, header in (("allowMethods", "methods"), ("allowHeaders", "headers")):
            if deployed.cors[member]:
                response.headers[f"access-control-allow-{header}"] = ",".join(deployed.cors[member])
    return response


def _shared(response: Response, deployed: Deployed, origin: str | None) -> Response:
    """Add the headers that let a page of that origin read the response."""
    allowed = deployed.cors["allowOrigins"]
    if origin is None or not ("*" in allowed or origin in allowed):
        return response
    response.headers["access-control-allow-origin"] = "*" if "*" in allowed else origin
    if "*" not in allowed:
        response.headers["vary"] = "Origin"
    if deployed.cors["exposeHeaders"]:
        response.headers["access-control-expose-headers"] = ",".join(deployed.cors["exposeHeaders"])
    return response
