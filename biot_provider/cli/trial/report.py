"""How a call went, for people: what was sent, the plugin's log, its answer, and what the platform makes of it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from biot_provider.cli.console import say
from biot_provider.emulator.events import NOTIFICATION
from biot_provider.emulator.hook_answers import HttpAnswer, Verdict, http_answer, judge
from biot_provider.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from biot_provider.emulator.runtime import Invocation

    from .calls import Call

_LINES = 200
"""Of an answer, at most."""
_SENT = 160
"""Characters of what was sent, at most."""


class Report:
    """Prints calls; what is secret is struck out, wherever it comes from."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def begin(self, call: Call, event: Mapping[str, Any], notes: Sequence[str]) -> None:
        """The call that is being made."""
        self._say("")
        self._say(self._styled("1", call.title))
        for note in notes:
            self._say(f"  note: {note}")
        sent = _sent(event)
        if sent is not None:
            text = json.dumps(sent, ensure_ascii=False)
            self._say(f"  sends   {text if len(text) <= _SENT else text[: _SENT - 3] + '...'}")

    def log(self, line: str) -> None:
        """A line of the plugin's."""
        self._say(f"  {self._styled('2', 'log   |')} {line}")

    def end(self, event: Mapping[str, Any], invocation: Invocation, memory_size: int) -> bool:
        """How it went; whether all is well."""
        if invocation.error is not None:
            self._say(f"  {self._styled('31', 'failed')}  {invocation.error_type}: {invocation.error}")
            self._took(invocation, memory_size)
            return False
        hook, body = _hook(event), _body(event)
        request = body.get("request") if isinstance(body, dict) else None
        path = request.get("path") if isinstance(request, dict) else None
        http = http_answer(invocation.answer)
        verdict = judge(hook, http, path=path if isinstance(path, str) else None)
        self._answer(http)
        self._took(invocation, memory_size)
        if verdict.problems:
            for problem in verdict.problems:
                self._say(f"  {self._styled('31', 'problem')} {problem}")
            return False
        meaning = _meaning(hook, http, verdict, body)
        if meaning:
            self._say(f"  means   {meaning}")
        return True

    def _took(self, invocation: Invocation, memory_size: int) -> None:
        took = _took(invocation, memory_size)
        if took:
            self._say(f"  took    {took}")

    def _answer(self, http: HttpAnswer) -> None:
        headers = {name: value for name, value in http.headers.items() if name != "content-type"}
        shown = "".join(f", {name}: {value}" for name, value in headers.items())
        self._say(f"  answers {http.status}{shown}{'' if http.body else ', without a body'}")
        lines = _pretty(http.body).splitlines()
        for line in lines[:_LINES]:
            self._say(f"    {line}")
        if len(lines) > _LINES:
            self._say(f"    ({len(lines) - _LINES} more lines)")

    def _say(self, line: str) -> None:
        say(redact(line, self._secrets))

    def _styled(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colored else text


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


def _meaning(hook: str | None, http: HttpAnswer, verdict: Verdict, body: Any) -> str | None:
    """What the platform does with the answer."""
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
    return f"the call goes on {how}" if verdict.request is not None else f"the answer goes to the caller {how}"


def _hook(event: Mapping[str, Any]) -> str | None:
    headers = event.get("headers")
    found = {name.lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
    return found.get("hooktype")


def _body(event: Mapping[str, Any]) -> Any:
    body = event.get("body")
    return _json(body.encode()) if isinstance(body, str) else None


def _sent(event: Mapping[str, Any]) -> Any:
    """Of an event's body, what the call is about."""
    body = _body(event)
    if not isinstance(body, dict) or _hook(event) is None:
        return body
    for outer, inner in (("response", "entities"), ("response", "body"), ("request", "body"), ("data", "entity")):
        part = body.get(outer)
        if isinstance(part, dict) and inner in part:
            return part[inner]
    return None


def _pretty(body: bytes) -> str:
    content = _json(body)
    if content is None:
        return body.decode(errors="backslashreplace")
    return json.dumps(content, indent=2, ensure_ascii=False)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
