"""One platform, the line to it on which requests and answers are lost, and the truth about every plugin on it.

The truth is kept beside the platform: who made each plugin, whose code it runs. A write that reaches a plugin of
somebody else is a violation at once, whatever comes of it later.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from biot_provider.emulator import Platform

MONTH = 30 * 24 * 3600
LOGIN = "/ums/v2/services/accessToken"
STAMP = "PULUMI_BIOT_STAMP"
PREFIX = "Plugin-"
CODE, VARIABLES = "code", "environmentVariables"

FAULTS = (
    "never sent", "lost", "lost after commit", "504", "504 after commit", "rollback failed",
    "rollback failed after commit", "aws conflict", "aws refuses", "reads fail after commit", "killed",
    "killed after commit", "unrecorded",
)  # fmt: skip
"""What becomes of one write: what the caller sees, and whether the platform had committed."""


class BrokenPromiseError(AssertionError):
    """A promise that does not hold."""


class Killed(BaseException):
    """The provider's process, or the engine, has ended in the midst of an operation."""


@dataclass(frozen=True)
class Actor:
    """The resource, or the piece of old state, that an operation is about."""

    key: str
    """Stack and URN: two engines of one stack share it."""
    keys: frozenset[str]
    """With the ones it had before it was renamed."""
    adopts: bool
    stamps: bool
    named: frozenset[str] | None
    """The members that the diff named; None where all may be written."""


@dataclass
class Truth:
    """The truth about one plugin: the platform gives each that is made its own endpoint."""

    owners: set[str]
    stamped_by: str | None
    code: str | None = None
    """What the code says that it is, or the image's tag; None for the platform's seed."""
    deployed_by: str | None = None
    """The key of the resource that deployed that code; None for people, and for stacks without stamps."""


@dataclass
class Line(httpx.BaseTransport):
    """The way to the platform of one provider process; each of its faults strikes one write, in their order."""

    world: World
    faults: list[str] = field(default_factory=list)
    actor: Actor | None = None
    unrecorded: bool = False
    """Whether the result of this operation never reaches the state."""
    writes: int = 0
    """How many have reached the platform."""
    _unreachable: bool = False
    _refused: httpx.Request | None = None

    def __post_init__(self) -> None:
        self._http = httpx.WSGITransport(app=self.world.platform.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, or let its fault strike."""
        if request is self._refused:  # the same once more, as a transport repeats it
            raise httpx.ConnectError("refused", request=request)
        if self._unreachable:
            raise httpx.ReadError("cut off", request=request)
        if request.url.path == LOGIN:
            return httpx.Response(200, json=self.world.login, request=request)
        write = request.method != "GET" and "/plugins" in request.url.path
        fault = self.faults.pop(0) if write and self.faults else ""
        if fault == "never sent":
            self._refused = request
            raise httpx.ConnectError("refused", request=request)
        self.unrecorded = self.unrecorded or fault == "unrecorded"
        answer = None
        if fault in ("", "unrecorded") or fault.endswith("after commit"):
            answer = self._send(request) if write else self._http.handle_request(request)
        if fault.startswith("killed"):
            raise Killed
        self._unreachable = fault.startswith("reads fail")
        if fault.startswith(("lost", "reads fail")):
            raise httpx.ReadError("cut off", request=request)
        status, code, details = {
            "504": (504, "GATEWAY_TIMEOUT", {}),
            "rollback failed": (500, "PLUGIN_ROLLBACK_FAILED", {}),
            "aws conflict": (500, "AWS_EXCEPTION", {"className": "ResourceConflictException"}),
            "aws refuses": (500, "AWS_EXCEPTION", {"className": "InvalidParameterValueException"}),
        }.get(fault.removesuffix(" after commit"), (0, "", {}))
        if status and (answer is None or answer.is_success):
            body = {"code": code, "message": "a fault", "details": details, "traceId": "0"}
            return httpx.Response(status, json=body, request=request)
        assert answer is not None
        return answer

    def _send(self, request: httpx.Request) -> httpx.Response:
        self.writes += 1
        content = request.read()
        name = request.url.path.rpartition("/")[2].removeprefix(PREFIX)
        if request.method == "POST":
            name = json.loads(_parts(request, content)["config"])["name"]
        before = self.world.live(name)
        answer = self._http.handle_request(request)
        answer.read()
        if answer.is_success:
            assert self.actor is not None
            parts = _parts(request, content)
            config = json.loads(parts.get("config", b"{}"))
            self.world.written(self.actor, request.method, name, before, config, has_zip=CODE in parts)
            if request.method == "POST":  # what this operation has made, no diff has seen
                self.actor = replace(self.actor, named=None)
        return answer


class World:
    """The platform and the truth about it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        platform.request_log.add = lambda entry: None  # type: ignore[method-assign]  # nobody reads it here
        identity = platform.add_service_user(token_seconds=float(MONTH))
        http = httpx.Client(transport=httpx.WSGITransport(app=platform.app), base_url="http://embedded")
        self.login = http.post(LOGIN, json=dict(zip(("id", "secretKey"), identity, strict=True))).json()
        """The answer of a login, which every process gets: a login of its own would take a seventh of the time."""
        self.truths: dict[str, Truth] = {}
        self.edits = 0
        self.quiet = True
        """Whether one stack alone has written, and nothing is doubtful."""
        self.varied = False
        """Whether the platform shows what is not stored."""
        self.broken: list[str] = []
        """What was done to plugins of somebody else: kept, as the provider would take an exception for its own."""

    def clear(self) -> None:
        """A new platform: no plugins, no images."""
        for name in self.platform.edits.stored():
            self.platform.edits.delete("plugin", name)
        for tag in self.platform.images.tags():
            self.platform.images.remove(tag)
        self.platform.contract_variants.reset()
        self.platform.variants.clear()
        self.truths.clear()
        self.broken.clear()
        self.edits, self.quiet, self.varied = 0, True, False

    def live(self, name: str) -> dict[str, Any] | None:
        """A plugin as it is stored, or None."""
        return self.platform.edits.stored().get(name)

    def endpoints(self) -> set[str]:
        """The values that distinguish the existing plugins from all former ones."""
        return {record["endpointUrl"] for record in self.platform.edits.stored().values()}

    def truth(self, name: str) -> Truth | None:
        """The truth about the plugin of this name."""
        live = self.live(name)
        return None if live is None else self.truths[live["endpointUrl"]]

    def code(self, name: str) -> str | None:
        """The name of the code in a plugin's zip; None without a zip."""
        content = self.platform.code(name)
        if content is None:
            return None
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read("index.py").decode().partition("# ")[2].strip()

    def written(
        self, actor: Actor, method: str, name: str, before: Any, config: Mapping[str, Any], *, has_zip: bool
    ) -> None:
        """A write of the provider was committed: keep the truth, and note what it was not allowed to do."""
        after = self.live(name)
        code = config.get("imageTag") or (self.code(name) if has_zip else None)
        if method == "POST":
            assert after is not None
            stamped = actor.key if actor.stamps else None
            self.truths[after["endpointUrl"]] = Truth({actor.key}, stamped, code, deployed_by=stamped)
            return
        truth = self.truths[before["endpointUrl"]]
        if not (actor.keys & truth.owners or (actor.adopts and method == "PATCH")):
            verb = {"PATCH": "changed", "DELETE": "deleted"}[method]
            self.broken.append(f"{actor.key} {verb} plugin {name!r}, which belongs to {truth.owners or 'nobody here'}")
        if after is None:
            _let_a_millisecond_pass()
            return
        self._check_named(actor, name, before, after, config, sends_code=code is not None)
        if code is not None:
            if self.quiet and (truth.code, truth.stamped_by) == (code, actor.key):
                self.broken.append(f"{actor.key} sent code {code!r} of plugin {name!r}, which runs there already")
            truth.code, truth.deployed_by = code, actor.key if actor.stamps else None
        if not actor.keys & truth.owners and actor.stamps:
            truth.owners.clear()
        truth.owners.add(actor.key)
        if _stamp(before) != _stamp(after):
            truth.stamped_by = actor.key if _stamp(after) else None

    def _check_named(
        self, actor: Actor, name: str, before: Any, after: Any, config: Mapping[str, Any], *, sends_code: bool
    ) -> None:
        """A PATCH carries what the diff named; the variables may ride along for the stamp in them, unchanged."""
        if actor.named is None:
            return
        carried = ({*config} - {"version", "imageTag", VARIABLES}) | ({CODE} if sends_code else set())
        changed = {member for member in _MEMBERS if _without_stamp(before, member) != _without_stamp(after, member)}
        if unnamed := (carried | (set() if self.varied else changed)) - actor.named:
            self.broken.append(f"{actor.key} wrote {sorted(unnamed)} of plugin {name!r}, which the diff did not name")


_MEMBERS = (
    "displayName", "runtime", "handler", "timeout", "memorySize", VARIABLES, "subscriptions", "enabledState",
    "cronSchedule", "cors",
)  # fmt: skip


def _without_stamp(plugin: Mapping[str, Any], member: str) -> Any:
    """A member without the stamp, and without variables that are empty: the platform takes none of them back."""
    value = plugin[member]
    return {name: text for name, text in own(value).items() if text} if member == VARIABLES else value


def _let_a_millisecond_pass() -> None:
    """No two plugins of one name are made in the same millisecond. A sleep would be taken out with the provider's."""
    end = time.monotonic() + 0.001
    while time.monotonic() < end:
        pass


def own(variables: Mapping[str, str]) -> dict[str, str]:
    """A plugin's variables without the stamp."""
    return {name: value for name, value in variables.items() if name != STAMP}


def _stamp(plugin: Mapping[str, Any]) -> str | None:
    stamp: str | None = plugin[VARIABLES].get(STAMP)
    return stamp


def _parts(request: httpx.Request, content: bytes) -> dict[str, bytes]:
    """The parts of a multipart request by name."""
    boundary = request.headers.get("Content-Type", "").partition("boundary=")[2].encode()
    found = {}
    for piece in content.split(b"--" + boundary)[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        found[head.partition(b'name="')[2].partition(b'"')[0].decode()] = body.removesuffix(b"\r\n")
    return found
