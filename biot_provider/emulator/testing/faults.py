"""Injected faults: failures of the network, a gateway or AWS, kept in the database until they are used up.

A fault defines the requests that it hits (`method`, `path`, `skip`, `times`, `settling`), when it applies (before the
platform acts, or after it has committed) and what the caller gets: the fault's response, a late response, or none.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from biot_provider.emulator.testing.specs import STRICT, RegularExpression, SpecTable, build

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.emulator.database import Store

EXPIRED = "Your authorization token has expired. Reauthenticate and try again."
"""The message of the image registry with a 403, as from ECR."""
Cut = Literal["reset-before", "reset-during", "reset-after", "truncated", "hang", "kill"]


class ConnectionCut(Exception):  # noqa: N818  (what happened, not a fault of the program)
    """The caller of an in-process platform gets no complete response: a fault cut the connection.

    `cut` is a Cut other than "kill"; `acted` says whether the platform had committed. The HTTP server does the same to
    its socket; a caller in the same process converts it to its client's error for a lost connection ("hang": for a
    timeout). The response that was cut is in `status`, `headers` and `body`.
    """

    def __init__(self, cut: str, *, acted: bool) -> None:
        super().__init__(f"the embedded platform cut the connection: {cut}")
        self.cut = cut
        self.acted = acted
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.body = b""


@dataclass(frozen=True, config=STRICT)
class Fault:
    """One fault. Members that are not given have no effect."""

    kind: str | None = None
    """One of the predefined KINDS; other given members override its members."""
    method: str | None = None
    path: RegularExpression = ""
    """A pattern to search in the path."""
    skip: int = 0
    """The number of matching requests to let pass first."""
    times: int | None = 1
    """The number of matching requests to hit; None: all from then on."""
    settling: float | None = None
    """Matches only if the plugin in the path was written less than so many seconds ago."""
    when: Literal["before", "after"] = "before"
    """`before` the platform acts, or `after` it has committed."""
    status: Annotated[int | None, Field(ge=200, le=599)] = None
    code: str | None = None
    """With a status: an error envelope of this code, with `details`."""
    details: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    """With a status: this JSON as the body."""
    body: str | None = None
    """With a status: this text as the body."""
    headers: dict[str, str] = field(default_factory=dict)
    latency: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Seconds the caller waits: before the platform acts, or after it, as `when` says."""
    cut: Cut | None = None
    """`kill` ends the process that runs the platform, at once."""


KINDS: dict[str, dict[str, Any]] = {
    "unauthorized": {"status": 401, "code": "TOKEN_NOT_VALID"},
    "forbidden": {"status": 403, "code": "ACCESS_DENIED"},
    "throttled": {"status": 429, "code": "TOO_MANY_REQUESTS", "headers": {"Retry-After": "1"}},
    "internal-error": {"status": 500, "code": "INTERNAL_SERVER_ERROR"},
    "aws-conflict": {"status": 500, "code": "AWS_EXCEPTION", "details": {"className": "ResourceConflictException"}},
    "rollback-failed": {
        "status": 500,
        "code": "PLUGIN_ROLLBACK_FAILED",
        "details": {"apiName": "updatePlugin"},
        "when": "after",
    },
    "bad-gateway": {
        "status": 502,
        "body": "<html><body><h1>502 Bad Gateway</h1></body></html>",
        "headers": {"Content-Type": "text/html"},
    },
    "unavailable": {"status": 503, "body": "", "headers": {"Retry-After": "1"}},
    "gateway-timeout": {"status": 504, "code": "GATEWAY_TIMEOUT", "when": "after"},
    "gateway-timeout-empty": {"status": 504, "body": "", "when": "after"},
    "registry-denied": {
        "status": 403,
        "json": {"errors": [{"code": "DENIED", "message": "not authorized to perform this operation"}]},
    },
    "registry-token-expired": {
        "status": 403,
        "json": {"errors": [{"code": "DENIED", "message": EXPIRED}]},
    },
    "wrong-json": {"status": 200, "body": '{"name": ', "when": "after"},
    "not-json": {"status": 200, "body": "<html></html>", "headers": {"Content-Type": "text/html"}, "when": "after"},
    "reset": {"cut": "reset-before"},
    "reset-after-commit": {"cut": "reset-before", "when": "after"},
    "truncated": {"cut": "truncated", "when": "after"},
    "hang": {"cut": "hang"},
    "kill": {"cut": "kill"},
    "kill-after-commit": {"cut": "kill", "when": "after"},
}


class Faults:
    """The faults of one database, in the order they were added; one request is hit by one fault at most."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = SpecTable(store, "faults", "seen")
        self.clear = self._table.clear

    def add(self, kind: str | None = None, **members: Any) -> int:
        """Add a fault, for example `add("gateway-timeout", method="POST", path="/plugins")`; return its id."""
        if kind is not None and kind not in KINDS:
            message = f"unknown fault {kind!r}: there are {', '.join(KINDS)}"
            raise ValueError(message)
        fault = build(Fault, {"kind": kind, **KINDS.get(kind or "", {}), **members})
        if fault.status is None and fault.cut is None and not fault.latency:
            message = "a fault does something: give a kind, a status, a cut or a latency"
            raise ValueError(message)
        return self._table.add(asdict(fault))

    def all(self) -> list[dict[str, Any]]:
        """Return every fault with its id and `struck`, how often it has hit."""
        return [
            {"id": number, **spec, "struck": max(0, seen - spec["skip"])} for number, spec, seen in self._table.rows()
        ]

    def take(self, method: str, path: str, age: Callable[[], float | None]) -> Fault | None:
        """Return the fault for this request; `age` gives the seconds since its plugin was written."""
        with self._store.reading() as db:
            if db.execute("SELECT 1 FROM faults LIMIT 1").fetchone() is None:
                return None
        written = age()
        with self._store.writing() as db:
            for row in db.execute("SELECT * FROM faults ORDER BY id").fetchall():
                fault = Fault(**json.loads(row["spec"]))
                spent = fault.times is not None and row["seen"] >= fault.skip + fault.times
                if spent or not _fits(fault, method, path, written):
                    continue
                db.execute("UPDATE faults SET seen = seen + 1 WHERE id = ?", (row["id"],))
                if row["seen"] >= fault.skip:
                    return fault
        return None


def _fits(fault: Fault, method: str, path: str, written: float | None) -> bool:
    if fault.method is not None and fault.method != method:
        return False
    if fault.settling is not None and (written is None or written >= fault.settling):
        return False
    return re.search(fault.path, path) is not None
