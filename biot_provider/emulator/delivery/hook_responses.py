"""How the platform interprets a plugin's response: first as HTTP, like a Lambda function URL, then as a hook.

A 2xx response of an interception says how the call continues; any other status blocks the call, and the caller gets
that response. The response to a notification is ignored (BioT API 2.4.2, plugins).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.delivery.events import NOTIFICATION
from biot_provider.emulator.http.json_body import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

PRE, POST, ADAPT = "INTERCEPTOR_PRE", "INTERCEPTOR_POST", "INTERCEPTOR_POST_ENTITY"

_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class HttpResponse:
    """The HTTP response for a caller of the function's URL."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    cookies: tuple[str, ...] = ()
    """Values of `set-cookie`."""
    problem: str | None = None
    """Why the response is invalid and became a 502."""


@dataclass(frozen=True)
class Verdict:
    """The meaning of a hook's response for the platform."""

    blocked: bool
    """Whether the response ends the call: the caller gets its status and body unchanged."""
    status: int
    request: Mapping[str, Any] | None
    """The path, queryParameters, headers and body with which a PRE interception replaces the request's, if given."""
    response: Mapping[str, Any] | None
    """The members with which a POST or ADAPT interception replaces the response's, if given."""
    problems: tuple[str, ...]
    """The problems that the platform cannot accept, one clause each; empty if there are none."""


def http_response(answer: Any) -> HttpResponse:
    """Convert a handler's result to an HTTP response: with `statusCode` it is one, other JSON is the body of a 200.

    A body that is not text is sent as JSON. An invalid response becomes a 502 with a `problem` (AWS Lambda Developer
    Guide, function URL response payload).
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpResponse(200, _JSON, json.dumps(answer).encode())
    status = _status(answer["statusCode"])
    if status is None:
        return _bad(f"statusCode is {_shown(answer['statusCode'])}: it must be a number from 100 to 599")
    headers, cookies = answer.get("headers") or {}, answer.get("cookies") or []
    if not isinstance(headers, dict) or not all(_is_plain(value) for value in headers.values()):
        return _bad("headers must be an object whose values are strings")
    if not isinstance(cookies, list) or not all(isinstance(cookie, str) for cookie in cookies):
        return _bad("cookies must be a list of strings")
    body = answer.get("body")
    try:
        content = _content(body, is_base64=answer.get("isBase64Encoded") is True)
    except (binascii.Error, ValueError):
        return _bad("isBase64Encoded is true, but body is not base64")
    given = {name.lower(): _plain(value) for name, value in headers.items()}
    return HttpResponse(status, (_JSON if body is not None else {}) | given, content, tuple(cookies))


def judge(hook_type: str | None, http: HttpResponse, *, path: str | None = None) -> Verdict:
    """Decide what a response to a hook means; `path` is the intercepted request's, to compare with a new path.

    Without a hook, in a direct call or a schedule, only violations of HTTP are problems.
    """
    problems = [http.problem] if http.problem else []
    if hook_type not in (PRE, POST, ADAPT):
        if hook_type == NOTIFICATION and not problems and http.status >= 300:
            problems.append(f"the status is {http.status}, but a notification cannot be refused: the answer is ignored")
        return Verdict(False, http.status, None, None, tuple(problems))
    if http.status < 200:
        problems.append(f"the status is {http.status}: that announces an answer, and is none")
        return Verdict(False, http.status, None, None, tuple(problems))
    if not 200 <= http.status < 300:
        return Verdict(True, http.status, None, None, tuple(problems or _envelope_problems(http)))
    member = "request" if hook_type == PRE else "response"
    content = _read(http.body)
    taken = content.get(member) if isinstance(content, dict) else None
    if not isinstance(taken, dict):
        return Verdict(False, http.status, None, None, (_missing(http, content, member),))
    if hook_type == PRE:
        return Verdict(False, http.status, taken, None, tuple(_request_problems(taken, path)))
    return Verdict(False, http.status, None, taken, tuple(_response_problems(taken, hook_type)))


def _bad(problem: str) -> HttpResponse:
    return HttpResponse(502, _JSON, b'{"Message":"Internal Server Error"}', problem=problem)


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:4])
    return value if type(value) is int and 100 <= value <= 599 else None


def _content(body: Any, *, is_base64: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    return base64.b64decode(body, validate=True) if is_base64 else body.encode(errors="replace")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError:
        return None


def _missing(http: HttpResponse, content: Any, member: str) -> str:
    """Return why the response has no usable `request` or `response`."""
    wanted = f'{{"{member}": {{...}}}}'
    if not http.body:
        return f"the answer has no body: an interception that lets the call pass answers {wanted}"
    if content is None and http.body != b"null":
        return f"the answer's body is not JSON: an interception that lets the call pass answers {wanted}"
    if isinstance(content, dict) and member in content:
        return f"{member} is {_shown(content[member])}: it must be an object"
    other = "response" if member == "request" else "request"
    if isinstance(content, dict) and other in content:
        return f"the answer has {other}, but this interception answers {wanted}"
    return f"the answer has no {member}: an interception that lets the call pass answers {wanted}"


def _envelope_problems(http: HttpResponse) -> list[str]:
    """Return the members of the platform's error format that a blocking response lacks."""
    content = _read(http.body)
    missing = [name for name in ("code", "message") if not isinstance(content, dict) or not content.get(name)]
    if not missing:
        return []
    return [f"the answer blocks the call with {http.status}, but its body has no {' and no '.join(missing)}"]


def _request_problems(request: Mapping[str, Any], path: str | None) -> list[str]:
    problems = []
    target = request.get("path")
    if "path" in request and not (isinstance(target, str) and target.startswith("/")):
        problems.append(f"request.path is {_shown(target)}: it must be a path that starts with /")
    elif isinstance(target, str) and path is not None and _service(target) != _service(path):
        problems.append(f"request.path leads to another service, {_service(target)}: it must stay in {_service(path)}")
    query = request.get("queryParameters")
    if query is not None and not (isinstance(query, dict) and all(_is_texts(values) for values in query.values())):
        problems.append("request.queryParameters must be an object whose values are lists of strings")
    headers = request.get("headers")
    if headers is not None and not (isinstance(headers, dict) and all(isinstance(v, str) for v in headers.values())):
        problems.append("request.headers must be an object whose values are strings")
    return problems


def _response_problems(response: Mapping[str, Any], hook_type: str) -> list[str]:
    if hook_type == POST:
        return []
    if "entities" not in response:
        return ["response has no entities: an adapted entity is answered in the list response.entities"]
    entities = response["entities"]
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        return ["response.entities must be a list of objects"]
    return []


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _service(path: str) -> str:
    return "/" + path.split("/")[1]


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
