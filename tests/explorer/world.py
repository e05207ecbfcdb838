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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from biot_provider.emulator import Platform

STAMP = "PULUMI_BIOT_STAMP"
PREFIX = "Plugin-"
CODE, VARIABLES = "code", "environmentVariables"

FAULTS = (
    "never sent", "lost", "lost after commit", "504 after commit", "504", "rollback failed", "rollback failed after commit",
    "aws conflict", "aws refuses", "blind after commit", "killed", "killed after commit", "unrecorded",
)  # fmt: skip
"""What becomes of one write: what the caller sees, and whether the platform had committed."""


class Violation(AssertionError):
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
class Made:
    """The truth about one plugin: the platform gives each that is made its own endpoint."""

    name: str
    owners: set[str]
    stamped_by: str | None
    code: str | None = None
    """What the code says that it is, or the image's tag; None for the platform's seed."""
    by_hand: bool = False
    """Whether somebody else deployed that code, or a stack without stamps, which looks the same."""


@dataclass
class Line(httpx.BaseTransport):
    """The way to the platform of one provider process; each of its faults strikes one write, in their order."""

    world: World
    faults: list[str] = field(default_factory=list)
    actor: Actor | None = None
    unrecorded: bool = False
    """Whether the result of this operation never reaches the state."""
    _blind: bool = False
    _refused: httpx.Request | None = None

    def __post_init__(self) -> None:
        self._http = httpx.WSGITransport(app=self.world.platform.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, or let its fault strike."""
        if request is self._refused:  # the same once more, as a transport repeats it
            raise httpx.ConnectError("refused", request=request)
        if self._blind:
            raise httpx.ReadError("cut off", request=request)
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
        self._blind = fault.startswith("blind")
        if fault.startswith(("lost", "blind")):
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
            tag = json.loads(parts.get("config", b"{}")).get("imageTag")
            self.world.written(self.actor, request.method, name, before, tag or (CODE in parts))
        return answer


class World:
    """The platform and the truth about it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        platform.journal.add = lambda _entry: None  # type: ignore[method-assign]  # nobody reads it here
        self.made: dict[str, Made] = {}
        self.hands = 0
        self.broken: list[str] = []
        """What was done to plugins of somebody else: kept, as the provider would take an exception for its own."""

    def clear(self) -> None:
        """A new platform: no plugins, no images."""
        for name in self.platform.edits.stored():
            self.platform.edits.delete("plugin", name)
        for tag in self.platform.images.tags():
            self.platform.images.remove(tag)
        self.platform.switches.reset()
        self.platform.variants.clear()
        self.made.clear()
        self.broken.clear()
        self.hands = 0

    def live(self, name: str) -> dict[str, Any] | None:
        """A plugin as it is stored, or None."""
        return self.platform.edits.stored().get(name)

    def endpoints(self) -> set[str]:
        """What tells the plugins that there are from all that ever were."""
        return {record["endpointUrl"] for record in self.platform.edits.stored().values()}

    def truth(self, name: str) -> Made | None:
        """The truth about the plugin of this name."""
        live = self.live(name)
        return None if live is None else self.made[live["endpointUrl"]]

    def code(self, name: str) -> str | None:
        """What a plugin's zip says that it is; None where there is none."""
        content = self.platform.code(name)
        if content is None:
            return None
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read("index.py").decode().partition("# ")[2].strip()

    def written(self, actor: Actor, method: str, name: str, before: Any, new_code: str | bool) -> None:
        """A provider's write was committed: was it allowed to? `new_code` is the tag of an image, or whether a zip came."""
        after = self.live(name)
        code = new_code if isinstance(new_code, str) else self.code(name)
        if method == "POST":
            assert after is not None
            stamped = actor.key if actor.stamps else None
            self.made[after["endpointUrl"]] = Made(name, {actor.key}, stamped, code, by_hand=not actor.stamps)
            return
        made = self.made[before["endpointUrl"]]
        if not (actor.keys & made.owners or (actor.adopts and method == "PATCH")):
            verb = {"PATCH": "changed", "DELETE": "deleted"}[method]
            self.broken.append(
                f"{actor.key} {verb} plugin {name!r}, which belongs to {made.owners or 'somebody by hand'}"
            )
        if after is None:
            time.sleep(0.001)  # no two plugins of one name are made in the same millisecond
            return
        changed = {member for member in _MEMBERS if _custom(before, member) != _custom(after, member)}
        if actor.named is not None and not changed <= actor.named:
            self.broken.append(
                f"{actor.key} wrote {changed - actor.named} of plugin {name!r}, which the diff did not name"
            )
        if actor.named is not None and new_code and CODE not in actor.named:
            self.broken.append(f"{actor.key} wrote the code of plugin {name!r}, which the diff did not name")
        if new_code:
            made.code, made.by_hand = code, not actor.stamps
        if not actor.keys & made.owners and actor.stamps:
            made.owners.clear()
        made.owners.add(actor.key)
        if _stamp(before) != _stamp(after):
            made.stamped_by = actor.key if _stamp(after) else None

    def by_hand(self, name: str, edit: str) -> bool:
        """Somebody changes a plugin in the Console; whether there was one."""
        live = self.live(name)
        if edit in ("make", "make with code", "make of an image"):
            if live is not None:
                return False
            self.platform.plugins.create({"name": name, "displayName": name, "version": 1}, None)
            live = self.live(name)
            assert live is not None
            self.made[live["endpointUrl"]] = Made(name, set(), None)
        if live is None:
            return False
        self.hands += 1
        made, label, edits = self.made[live["endpointUrl"]], f"hand-{self.hands}", self.platform.edits
        image = live["deploymentPackageType"] == "IMAGE"
        if edit.endswith("image") or (edit == "deploy" and image):
            self.platform.images.add(label)
        if edit == "delete":
            edits.delete("plugin", name)
        elif edit.startswith(("remake", "make ")):
            if edit.endswith("image"):
                edits.remake(name, deploymentPackageType="IMAGE", imageTag=label)
            else:
                edits.remake(name, _zip(label) if edit.endswith("code") else None)
            fresh = self.live(name)
            assert fresh is not None
            code = label if edit.endswith("image") else self.code(name)
            self.made[fresh["endpointUrl"]] = Made(name, set(), None, code, by_hand=True)
        elif edit == "deploy":
            made.code, made.by_hand = label, True
            edits.deploy(name, None if image else _zip(label), image_tag=label if image else None)
        elif edit in EDITS:
            at, value = EDITS[edit]
            edits.change("plugin", name, at, value)
        elif edit == "creation time":
            text = live["creationTime"]
            edits.change("plugin", name, "creationTime", text.replace("Z", "+00:00") if "Z" in text else text)
        return True


EDITS: Mapping[str, tuple[str, Any]] = {
    "timeout": ("timeout", 77),
    "state": ("enabledState", "SUSPENDED"),
    "cors": ("cors.allowMethods[+]", "OPTIONS"),
    "interception": ("subscriptions.interceptions[+]", {"type": "PRE_RESPONSE", "apiId": "GET/a/b"}),
    "no variables": ("environmentVariables", {}),
    "empty variable": ("environmentVariables.MODE", ""),
    "another variable": ("environmentVariables.HAND", "theirs"),
}
HANDS = (
    "make", "make with code", "make of an image", "delete", "remake", "remake with code", "remake of an image", "deploy",
    "creation time", *EDITS,
)  # fmt: skip
"""What people do in the Console."""

_MEMBERS = (
    "displayName", "runtime", "handler", "timeout", "memorySize", VARIABLES, "subscriptions", "enabledState",
    "cronSchedule", "cors",
)  # fmt: skip


def _custom(plugin: Mapping[str, Any], member: str) -> Any:
    """A member without the stamp."""
    value = plugin[member]
    return own(value) if member == VARIABLES else value


def own(variables: Mapping[str, str]) -> dict[str, str]:
    """A plugin's variables without the stamp."""
    return {name: value for name, value in variables.items() if name != STAMP}


def _stamp(plugin: Mapping[str, Any]) -> str | None:
    return plugin[VARIABLES].get(STAMP)


def _zip(label: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", f"# {label}\n")
    return buffer.getvalue()


def _parts(request: httpx.Request, content: bytes) -> dict[str, bytes]:
    """The parts of a multipart request by name."""
    boundary = request.headers.get("Content-Type", "").partition("boundary=")[2].encode()
    found = {}
    for piece in content.split(b"--" + boundary)[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        found[head.partition(b'name="')[2].partition(b'"')[0].decode()] = body.removesuffix(b"\r\n")
    return found
