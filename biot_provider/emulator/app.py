"""The platform as a WSGI application: routes, error bodies, faults and the journal of requests.

Callers come before their bodies: a request whose caller may not make it is answered, and noted, without its body.
"""

from __future__ import annotations

import contextlib
import json
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from .access import KEY_ENVIRON, comes_from_web_page
from .answers import FUNCTIONS
from .journal import redacted, without_secrets
from .refusals import Refusal, envelope, method_not_allowed
from .request_body import limit_body
from .routes import Call
from .strike import cut, replacement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .control import Control
    from .faults import Fault, Faults
    from .identity import Identity
    from .journal import Journal
    from .routes import Route
    from .variants import Variants

CONTROL = "/_emulator/"

_SERVICES = {
    "settings": "Settings Service",
    "ums": "User Management Service",
    "dispatcher": "Dispatcher Service",
    "organization": "Organization Service",
}


@cache
def _url_map(routes: tuple[tuple[str, str], ...]) -> Map:
    """Return the map from a method and a path to the route's place in the list.

    A process keeps it, since making one takes 20 ms.
    """
    return Map(
        [Rule(path, methods=[method], endpoint=number) for number, (method, path) in enumerate(routes)],
        strict_slashes=True,
        merge_slashes=False,
        redirect_defaults=False,
    )


class App:
    """Answers every request; raises `ConnectionCut` where a fault leaves the caller without an answer.

    `age` tells the seconds since the plugin that ends a path was last written. Without a `control` there are none of
    the emulator's own routes.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        identity: Identity,
        faults: Faults,
        journal: Journal,
        control: Control | None,
        age: Callable[[str], float | None],
        variants: Variants,
    ) -> None:
        self._identity = identity
        self._faults = faults
        self._journal = journal
        self._control = control
        self._age = age
        self._variants = variants
        self._routes = tuple(routes)
        self._urls = _url_map(tuple((route.method, route.path) for route in self._routes))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI interface."""
        if "CONTENT_LENGTH" not in environ and environ.get("HTTP_TRANSFER_ENCODING"):
            environ["wsgi.input_terminated"] = True
        return self._answer_anybody(Request(environ))(environ, start_response)

    def _answer_anybody(self, request: Request) -> Response:
        # Whether pages may call a function is the function's to say.
        if not request.path.startswith(FUNCTIONS) and comes_from_web_page(request):
            return Response('{"error": "no web page may call the emulator"}', 403, content_type="application/json")
        if self._control is not None and request.path.startswith(CONTROL):
            return self._control.answer(request)
        # The key is nobody's business but the control's: what is called from here must not see it.
        request.environ.pop(KEY_ENVIRON, None)
        return self._answer(Call(request))

    def _answer(self, call: Call) -> Response:
        fault = self._faults.take(call.request.method, call.request.path, lambda: self._age(call.request.path))
        if fault is None:
            response = self._act(call)
            self._note(call, response, None)
            return response
        return self._struck(fault, call)

    def _struck(self, fault: Fault, call: Call) -> Response:
        """The answer under a fault: its own one, the platform's own but late, or none."""
        if fault.when == "before":
            time.sleep(fault.latency)
        own = replacement(fault, _service(call.request), call.trace_id)
        acted = fault.when == "after" or fault.cut == "reset-after" or (own is None and fault.cut is None)
        response = None
        if acted:
            response = self._act(call)
        else:
            self._overhear(call)
        response = own or response
        if fault.when == "after":
            time.sleep(fault.latency)
        self._note(call, None if fault.cut else response, fault, acted=acted)
        if fault.cut is not None:
            cut(fault.cut, response, call.request.environ, acted=acted)
        assert response is not None  # noqa: S101  (without a cut, either the fault or the platform has answered)
        return response

    def _act(self, call: Call) -> Response:
        """What the platform does and says, refusals as error bodies."""
        try:
            route, arguments = self._admit(call)
            answer = route.answer(call, **arguments)
        except (Refusal, HTTPException) as error:
            refusal = error if isinstance(error, Refusal) else _unread(error)
            answer = refusal.status, envelope(refusal, service=_service(call.request), trace_id=call.trace_id)
        if isinstance(answer, Response):
            return answer
        status, body = answer
        if body is None:
            return Response(status=status)
        if "traceId" in body:
            body["traceId"] = call.trace_id
        body = self._variants.show(call.request.method, call.request.path, status, body)
        return Response(json.dumps(body), status=status, content_type="application/json")

    def _admit(self, call: Call) -> tuple[Route, dict[str, Any]]:
        """The route, and what the path names, for a caller that may use it."""
        route, arguments = self._route(call.request)
        limit_body(call.request, route.max_body)
        if route.permission is not None:
            self._identity.require(call.request.headers.get("Authorization"), route.permission)
        return route, arguments

    def _overhear(self, call: Call) -> None:
        """Read what a caller that is known has sent, for the journal, though the platform does not act on it."""
        with contextlib.suppress(Refusal, HTTPException):
            route, _ = self._admit(call)
            if route.permission is not None:
                _ = call.json if call.request.is_json else call.parts

    def _route(self, request: Request) -> tuple[Route, dict[str, Any]]:
        try:
            number, arguments = self._urls.bind_to_environ(request.environ).match()
            route = self._routes[number]
        except MethodNotAllowed:
            raise method_not_allowed(request.method) from None
        except HTTPException:
            raise Refusal(404, "NOT_FOUND", f"No such API: {request.path}") from None
        return route, dict(arguments)

    def _note(self, call: Call, response: Response | None, fault: Fault | None, *, acted: bool = True) -> None:
        """Put the request into the journal; `status` is what the caller got, none when it got no answer."""
        request = call.request
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


def _unread(error: HTTPException) -> Refusal:
    """What became of a body that could not be read, or is too long to be."""
    name = "PAYLOAD_TOO_LARGE" if error.code == 413 else "BAD_REQUEST"
    return Refusal(error.code or 400, name, str(error.description))


def _is_known(response: Response | None) -> bool:
    """Whether the caller of a route that anybody may call has shown who it is."""
    return response is None or response.status_code not in (401, 403)


def _code(response: Response | None) -> str | None:
    """The code of an error body, where there is one: the platform's, the image registry's or ECR's."""
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
