"""Printed report of a call: what was sent, the plugin's log, its response, and what the platform does with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biot_provider.api.redaction import redact
from biot_provider.cli.console import print_result
from biot_provider.emulator.delivery.events import NOTIFICATION
from biot_provider.emulator.delivery.hook_responses import HttpResponse, Verdict, http_response, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from biot_provider.cli.invoke.calls import Call
    from biot_provider.emulator.functions.runtime import Invocation

_LINES = 200
"""The most lines of a response that are printed."""
_CHARACTERS = 2000
"""The most characters of a line that are printed."""
_MEDIA = re.compile(r"(image/(?!svg)|audio/|video/|font/)", re.IGNORECASE)
"""Media types that are not printed, even where the bytes happen to be text."""
_SENT = 160
"""The most characters of a request that are printed."""


@dataclass(frozen=True)
class Outcome:
    """What became of a call; without a response where the plugin failed."""

    error: str | None
    http: HttpResponse | None = None
    problems: Sequence[str] = ()
    meaning: str | None = None
    """What the platform does with the response."""

    @property
    def succeeded(self) -> bool:
        """Whether the platform would take the answer."""
        return self.error is None and not self.problems


def outcome_of(event: Mapping[str, Any], invocation: Invocation) -> Outcome:
    """Judge the answer to an event as the platform does."""
    if invocation.error is not None:
        return Outcome(f"{invocation.error_type}: {invocation.error}")
    hook, body = _hook(event), _body(event)
    request = body.get("request") if isinstance(body, dict) else None
    path = request.get("path") if isinstance(request, dict) else None
    http = http_response(invocation.answer)
    verdict = judge(hook, http, path=path if isinstance(path, str) else None)
    if verdict.problems:
        return Outcome(None, http, verdict.problems)
    return Outcome(None, http, meaning=_meaning(hook, http, verdict, body))


class Report:
    """Printer of calls; it redacts secrets wherever they appear."""

    def __init__(self) -> None:
        self._secrets: Sequence[str] = ()

    def hide(self, secrets: Sequence[str]) -> None:
        """Print none of these from now on."""
        self._secrets = secrets

    def note(self, line: str) -> None:
        """Print a line about the run."""
        print_result(line)

    def begin(self, call: Call, event: Mapping[str, Any], notes: Sequence[str]) -> None:
        """Print the call that is about to be made."""
        self._print("")
        self._print(call.title, bold=True)
        for note in notes:
            self._print(f"  note: {note}")
        sent = _sent(event)
        if sent is not None:
            text = json.dumps(sent, ensure_ascii=False)
            self._print(f"  sends   {text if len(text) <= _SENT else text[: _SENT - 3] + '...'}")

    def log(self, line: str) -> None:
        """Print a log line of the plugin."""
        self._print(line, label="  log   | ", dim=True)

    def end(self, outcome: Outcome, invocation: Invocation, memory_size: int) -> None:
        """Print the outcome."""
        for warning in invocation.warnings:
            self._print(warning, label="  warning ", fg="yellow")
        if outcome.error is not None:
            self._print(outcome.error, label="  failed  ", fg="red")
        if outcome.http is not None:
            self._answer(outcome.http, invocation.answer)
        took = _took(invocation, memory_size)
        if took:
            self._print(f"  took    {took}")
        for problem in outcome.problems:
            self._print(problem, label="  problem ", fg="red")
        if outcome.meaning:
            self._print(f"  means   {outcome.meaning}")

    def _answer(self, http: HttpResponse, answer: Any) -> None:
        headers = {name: value for name, value in http.headers.items() if name != "content-type"}
        shown = "".join(f", {name}: {value}" for name, value in headers.items())
        self._print(f"  answers {http.status}{shown}{'' if http.body else ', without a body'}")
        described = _described(http, answer)
        lines = [f"({described})"] if described else _lines(http.body)
        for line in lines[:_LINES]:
            more = len(line) - _CHARACTERS
            self._print(f"    {line if more <= 0 else f'{line[:_CHARACTERS]} ({more} more characters)'}")
        if len(lines) > _LINES:
            self._print(f"    ({len(lines) - _LINES} more lines)")

    def _print(self, text: str, *, label: str = "", **style: Any) -> None:
        print_result(redact(text, self._secrets), label=label, **style)


class JsonReport(Report):
    """A JSON object in one line for each call."""

    def note(self, line: str) -> None:
        """Leave it out: it is for people."""

    def begin(self, call: Call, event: Mapping[str, Any], notes: Sequence[str]) -> None:
        """Begin a call."""
        self._shown: dict[str, Any] = {"call": call.title, "notes": list(notes), "sent": _sent(event)}

    def log(self, line: str) -> None:
        """Leave it to the object of the call."""

    def end(self, outcome: Outcome, invocation: Invocation, memory_size: int) -> None:
        """Print the call with its outcome."""
        http = outcome.http
        text = None if http is None or _described(http, invocation.answer) else http.body.decode()
        shown = self._shown | {
            "succeeded": outcome.succeeded,
            "error": outcome.error,
            "warnings": list(invocation.warnings),
            "status": http and http.status,
            "headers": http and dict(http.headers),
            "body": text,
            "problems": list(outcome.problems),
            "meaning": outcome.meaning,
            "log": list(invocation.logs),
            "seconds": invocation.duration,
            "memoryMegabytes": invocation.peak_memory,
            "memoryLimitMegabytes": memory_size,
        }
        self._print(json.dumps(shown, ensure_ascii=False))


def _described(http: HttpResponse, answer: Any) -> str | None:
    """Return a description of a body that is not text, None for text."""
    count = _listed_bytes(answer.get("body") if isinstance(answer, dict) and "statusCode" in answer else answer)
    if count is not None:
        return f"{count} bytes that JSON has made a list of numbers: answer them in base64, with isBase64Encoded"
    kind = http.headers.get("content-type", "no content-type")
    if http.body and (_is_binary(http.body) or _MEDIA.match(kind)):
        return f"{kind}, {len(http.body)} bytes"
    return None


def _listed_bytes(value: Any) -> int | None:
    """Return the number of bytes of a Node.js Buffer or Uint8Array that JSON has turned into numbers, else None."""
    if not isinstance(value, dict):
        return None
    data = value.get("data") if value.keys() == {"type", "data"} and value["type"] == "Buffer" else value
    if isinstance(data, dict) and list(data) == [str(number) for number in range(len(data))]:
        data = list(data.values())
    if not isinstance(data, list) or not data:
        return None
    return len(data) if all(type(item) is int and 0 <= item < 256 for item in data) else None


def _is_binary(body: bytes) -> bool:
    try:
        return "\0" in body.decode()
    except UnicodeDecodeError:
        return True


def _took(invocation: Invocation, memory_size: int) -> str:
    parts = [_seconds(invocation.duration)] if invocation.duration else []
    if invocation.init_duration is not None:
        parts.append(f"cold start {_seconds(invocation.init_duration)}")
    if invocation.peak_memory:
        parts.append(f"{invocation.peak_memory} of {memory_size} MB")
    return ", ".join(parts)


def _seconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.{0 if milliseconds >= 10 else 1}f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _meaning(hook: str | None, http: HttpResponse, verdict: Verdict, body: Any) -> str | None:
    """Return what the platform does with the response."""
    if hook == NOTIFICATION:
        return "nothing: the platform ignores the answer to a notification"
    if verdict.blocked:
        content = _json(http.body)
        return f"the call is blocked: the caller gets {http.status} {content['code']}"
    taken = verdict.request if verdict.request is not None else verdict.response
    if taken is None:
        return None
    sent = body.get("request" if verdict.request is not None else "response") if isinstance(body, dict) else None
    known = sent if isinstance(sent, dict) else {}
    changed = [name for name, value in taken.items() if known.get(name) != value]
    how = f"with another {', '.join(changed)}" if changed else "unchanged"
    return f"the call continues {how}" if verdict.request is not None else f"the answer goes to the caller {how}"


def _hook(event: Mapping[str, Any]) -> str | None:
    headers = event.get("headers")
    found = {name.lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
    return found.get("hooktype")


def _body(event: Mapping[str, Any]) -> Any:
    body = event.get("body")
    return _json(body.encode()) if isinstance(body, str) else None


def _sent(event: Mapping[str, Any]) -> Any:
    """Return the part of an event's body that holds the data of the call."""
    body = _body(event)
    if not isinstance(body, dict) or _hook(event) is None:
        return body
    for outer, inner in (("response", "entities"), ("response", "body"), ("request", "body"), ("data", "entity")):
        part = body.get(outer)
        if isinstance(part, dict) and inner in part:
            return part[inner]
    return None


def _lines(body: bytes) -> list[str]:
    return _pretty(body).replace("\r\n", "\n").removesuffix("\n").split("\n") if body else []


def _pretty(body: bytes) -> str:
    content = _json(body)
    try:
        return json.dumps(content, indent=2, ensure_ascii=False) if content is not None else body.decode()
    except RecursionError:
        return body.decode()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
