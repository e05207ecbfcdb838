"""Deployed plugins as running functions: started on the first call, kept warm, replaced when the plugin is changed.

A process takes one call at a time. Calls that come at once get up to `PROCESSES` of them for a plugin, and wait for one
after that. All end with the platform.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import DEFAULT_CORS, function_host, variables
from .logs import PLATFORM, PLUGIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .logs import Logs
    from .runtime import Function, FunctionSettings, Invocation
    from .store import Store

PROCESSES = 4
"""Processes of one plugin, at most."""

Run = Callable[["Mapping[str, Any]", Callable[[str], None]], "Invocation"]


@dataclass(frozen=True)
class Deployed:
    """A plugin as it is deployed right now."""

    name: str
    enabled: bool
    scheduled: bool
    image: bool
    digest: str | None
    """Of its own code; none: the platform's seed."""
    cors: Mapping[str, list[str]]
    endpoint_url: str
    """Where its function is said to be, without the platform's address; nobody can resolve it."""
    settings: FunctionSettings


class Functions:
    """The functions of one platform, in this process. `address` gives where they reach the platform."""

    def __init__(self, store: Store, logs: Logs, folder: Path, address: Callable[[], str]) -> None:
        self._store = store
        self._logs = logs
        self._folder = folder
        self._address = address
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._closed = False

    def find(self, name: str) -> Deployed | None:
        """The plugin of this bare name."""
        return self._find("name = ?", name)

    def find_by_id(self, function_id: str) -> Deployed | None:
        """The plugin whose endpoint has this id."""
        return self._find("json_extract(record, '$.endpointUrl') = ?", function_host(function_id))

    def invoke(self, deployed: Deployed, event: Mapping[str, Any], what: str) -> Invocation:
        """One call, `what` names it in the log; never raises for what the plugin does."""
        with self._logs.writer(deployed.name) as writer:
            try:
                answer = self._run_of(deployed)(event, lambda line: writer.write(PLUGIN, line))
            except (OSError, ValueError) as error:
                answer = _failed(f"its code cannot be run: {error}")
            for warning in answer.warnings:
                writer.write(PLATFORM, f"{what}: warning: {warning}")
            writer.write(PLATFORM, f"{what}: {_outcome(answer, deployed.settings.memory_size)}")
        return answer

    def note(self, name: str, line: str) -> None:
        """One line of the platform's own in a plugin's log."""
        self._logs.note(name, line)

    def close(self) -> None:
        """End every process, also one that is at work."""
        with self._lock:
            self._closed = True
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _find(self, where: str, value: str) -> Deployed | None:
        with self._store.reading() as db:
            row = db.execute(
                f"SELECT record, code_digest FROM plugins WHERE {where}",  # noqa: S608  (one of two constants)
                (value,),
            ).fetchone()
        return None if row is None else self._deployed(json.loads(row["record"]), row["code_digest"])

    def _deployed(self, record: Mapping[str, Any], digest: str | None) -> Deployed:
        from .runtime import FunctionSettings

        return Deployed(
            name=record["name"],
            enabled=record["enabledState"] == "ENABLED",
            scheduled=bool(record["cronSchedule"]),
            image=record["deploymentPackageType"] == "IMAGE",
            digest=digest,
            cors=DEFAULT_CORS | dict(record["cors"] or {}),
            endpoint_url=record["endpointUrl"],
            settings=FunctionSettings(
                name=record["name"],
                runtime=record["runtime"] or "",
                handler=record["handler"] or "",
                timeout=float(record["timeout"]),
                memory_size=record["memorySize"],
                variables=variables(record, self._address(), system=True),
                ephemeral_storage=record["ephemeralStorage"],
            ),
        )

    def _run_of(self, deployed: Deployed) -> Run:
        """What answers a call of this plugin. An OSError or a ValueError says why its code cannot be run."""
        if deployed.image:
            return lambda _event, _log: _failed("images are not run by the embedded platform: deploy a zip to try it")
        if deployed.digest is None:
            return lambda event, _log: _seed(event)
        return self._pool(deployed, self._code(deployed.digest)).invoke

    def _pool(self, deployed: Deployed, code: Path) -> _Pool:
        """The processes of this plugin as it is now; those of what it was before end after their call."""
        from .runtime import Function

        with self._lock:
            pool = self._pools.get(deployed.name)
            if pool is None or pool.deployed != deployed:
                self._retire(deployed.name)
                pool = _Pool(deployed, lambda: Function(code, deployed.settings))
                if self._closed:
                    pool.close()
                else:
                    self._pools[deployed.name] = pool
            return pool

    def _retire(self, changed: str) -> None:
        """Let go of the processes of a plugin that was changed, and of those that were deleted."""
        with self._store.reading() as db:
            names = {row["name"] for row in db.execute("SELECT name FROM plugins")} - {changed}
        for name in self._pools.keys() - names:
            self._pools.pop(name).retire()

    def _code(self, digest: str) -> Path:
        """The folder of a package, unpacked once; those that no plugin has any more are cleared away."""
        from .runtime import unpack

        folder = self._folder / digest
        if folder.is_dir():
            return folder
        with self._store.reading() as db:
            content = db.execute("SELECT content FROM code WHERE digest = ?", (digest,)).fetchone()
            used = {row["digest"] for row in db.execute("SELECT digest FROM code")}
        if content is None:
            message = "it was replaced at this moment"
            raise ValueError(message)
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.iterdir():
            if old.name not in used and not old.name.startswith("."):
                shutil.rmtree(old, ignore_errors=True)
        # Beside it first, so that no other process ever sees half a package.
        fresh = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
        try:
            unpack(bytes(content["content"]), fresh)
            with contextlib.suppress(OSError):
                fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return folder


class _Pool:
    """The processes of a plugin as it was deployed once."""

    def __init__(self, deployed: Deployed, start: Callable[[], Function]) -> None:
        self.deployed = deployed
        self._start = start
        self._slots = threading.Semaphore(PROCESSES)
        self._lock = threading.Lock()
        self._idle: list[Function] = []
        self._busy: set[Function] = set()
        self._retired = False
        self._closed = False

    def invoke(self, event: Mapping[str, Any], log: Callable[[str], None]) -> Invocation:
        """One call in a process that is free, or in a new one."""
        with self._slots:
            with self._lock:
                if self._closed:
                    return _failed("the embedded platform is closed")
                # The one used last is the warmest.
                function = self._idle.pop() if self._idle else self._start()
                self._busy.add(function)
            try:
                return function.invoke(event, log=log)
            finally:
                with self._lock:
                    self._busy.discard(function)
                    keep = not self._retired
                    if keep:
                        self._idle.append(function)
                if not keep:
                    function.close()

    def retire(self) -> None:
        """End the idle processes now and the others after their call."""
        with self._lock:
            self._retired = True
            idle, self._idle = self._idle, []
        for function in idle:
            function.close()

    def close(self) -> None:
        """End all of them now."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        self.retire()
        for function in busy:
            function.close()


def _seed(event: Mapping[str, Any]) -> Invocation:
    """What a plugin without code of its own answers: it lets everything pass."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    member = {
        "INTERCEPTOR_PRE": "request",
        "INTERCEPTOR_POST": "response",
        "INTERCEPTOR_POST_ENTITY": "response",
    }.get(headers.get("hooktype", ""))
    if member is None:
        return _invocation({"statusCode": 200, "body": "{}"})
    return _invocation({member: json.loads(event["body"])[member]})


def _failed(error: str) -> Invocation:
    return _invocation(None, error, "Platform.NotRun")


def _invocation(answer: Any, error: str | None = None, error_type: str | None = None) -> Invocation:
    from .runtime import Invocation

    return Invocation(
        answer=answer, error=error, error_type=error_type, logs=(), duration=0.0, init_duration=None, peak_memory=0
    )


def _outcome(call: Invocation, limit: int) -> str:
    """How a call ended, for a log."""
    if call.error is not None:
        return call.error
    status = call.answer.get("statusCode") if isinstance(call.answer, dict) else None
    text = f"answered{f' {status}' if isinstance(status, int) else ''} in {1000 * call.duration:.0f} ms"
    if call.init_duration is not None:
        text += f", after a cold start of {1000 * call.init_duration:.0f} ms"
    return text if not call.peak_memory else f"{text}, {call.peak_memory} of {limit} MB"
