"""Deployed plugins as running functions: started on the first call, kept warm, replaced when the plugin is changed.

Functions of the previous version take no new calls and end after their current ones. All end with the platform.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.functions.invocations import outcome, status_of
from biot_provider.emulator.functions.logs import PLATFORM, PLUGIN
from biot_provider.emulator.functions.pool import Pool, failed, invocation
from biot_provider.emulator.plugins.responses import DEFAULT_CORS, function_host, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.functions.invocations import Invocations
    from biot_provider.emulator.functions.logs import Logs
    from biot_provider.emulator.functions.runtime import FunctionSettings, Invocation


@dataclass(frozen=True)
class Deployed:
    """The current deployment of a plugin."""

    name: str
    enabled: bool
    scheduled: bool
    image: bool
    digest: str | None
    """The digest of the plugin's code; None for the platform's seed."""
    cors: Mapping[str, list[str]]
    endpoint_url: str
    """The stored address of its function, without the platform's address; it cannot be resolved."""
    settings: FunctionSettings
    """The settings without the platform's address: its port is opened only for running functions."""


class Functions:
    """The functions of one platform, in this process. `address` returns the platform's address for them."""

    def __init__(
        self, store: Store, logs: Logs, invocations: Invocations, folder: Path, address: Callable[[], str]
    ) -> None:
        self._store = store
        self._logs = logs
        self._invocations = invocations
        self._folder = folder
        self._address = address
        self._pools: dict[str, Pool] = {}
        self._retired: list[Pool] = []
        self._lock = threading.Lock()
        self._closed = False

    def find(self, name: str) -> Deployed | None:
        """Return the plugin of this bare name."""
        return self._find("name = ?", name)

    def find_by_id(self, function_id: str) -> Deployed | None:
        """Return the plugin that this endpoint id belongs to."""
        return self._find("json_extract(record, '$.endpointUrl') = ?", function_host(function_id))

    def invoke(
        self, deployed: Deployed, event: Mapping[str, Any], what: str, trace_id: str | None = None
    ) -> Invocation:
        """Call the function; `what` names the call in the log. Never raises because of the plugin's behaviour.

        `trace_id` is that of the request to which the call belongs.
        """
        recording = self._invocations.recording(deployed.name, what, trace_id)
        with recording as entry, self._logs.writer(deployed.name) as writer:
            try:
                answer = self._answer(deployed, event, lambda line: writer.write(PLUGIN, line))
            except (OSError, ValueError) as error:
                answer = failed(f"its code cannot be run: {error}")
            for warning in answer.warnings:
                writer.write(PLATFORM, f"{what}: warning: {warning}")
            writer.write(PLATFORM, f"{what}: {_outcome(answer, deployed.settings.memory_size)}")
            entry |= outcome(answer, deployed.settings.memory_size)
        return answer

    def note(self, name: str, what: str, problem: str, trace_id: str) -> None:
        """Record a problem with a plugin's response to a call."""
        self._logs.note(name, f"{what}: {problem}")
        self._invocations.add_problem(name, what, problem, trace_id)

    def close(self) -> None:
        """End every process, even during a call."""
        with self._lock:
            self._closed = True
            pools, self._pools = [*self._pools.values(), *self._retired], {}
        for pool in pools:
            pool.close()
        for pool in pools:
            pool.wait()

    def _find(self, where: str, value: str) -> Deployed | None:
        with self._store.reading() as db:
            row = db.execute(
                f"SELECT record, code_digest FROM plugins WHERE {where}",  # noqa: S608  (one of two constants)
                (value,),
            ).fetchone()
        return None if row is None else self._deployed(json.loads(row["record"]), row["code_digest"])

    def _deployed(self, record: Mapping[str, Any], digest: str | None) -> Deployed:
        from biot_provider.emulator.functions.runtime import FunctionSettings

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
                variables=variables(record, "", system=True),
                ephemeral_storage=record["ephemeralStorage"],
            ),
        )

    def _answer(self, deployed: Deployed, event: Mapping[str, Any], log: Callable[[str], None]) -> Invocation:
        """Return the outcome of the call. Raises OSError or ValueError if the code cannot be run."""
        if deployed.image:
            return failed("images are not run by the embedded platform: deploy a zip to try it")
        if deployed.digest is None:
            return _seed(event)
        try:
            pool = self._enter(deployed)
        except _ReplacedError:
            # An update has just replaced the code: the call belongs to the new version.
            newer = self.find(deployed.name)
            if newer is None or newer.digest == deployed.digest:
                raise
            return self._answer(newer, event, log)
        try:
            return pool.invoke(event, log)
        finally:
            pool.leave()

    def _enter(self, deployed: Deployed) -> Pool:
        """Enter the pool of this plugin's current version; call `leave` after the call.

        Pools of former versions end after their calls, and keep their code until then.
        """
        with self._lock:
            pool = self._pools.get(deployed.name)
            if pool is not None and pool.deployed == deployed and pool.enter():
                return pool
        # Read again: a call that started before an update must not bring back the former version.
        deployed = self.find(deployed.name) or deployed
        fresh = self._pool(deployed)
        with self._store.reading() as db:
            there = {row["name"] for row in db.execute("SELECT name FROM plugins")}
        with self._lock:
            pool = self._pools.get(deployed.name)
            # Another call may have created the pool meanwhile.
            if pool is None or pool.deployed != deployed or not pool.enter():
                self._retire(self._pools.keys() - there | {deployed.name})
                fresh.enter()
                self._pools[deployed.name] = pool = fresh
        if pool is not fresh:
            fresh.retire()
        if self._closed:
            pool.close()
        return pool

    def _retire(self, names: Iterable[str]) -> None:
        """Retire the processes of plugins that were changed or deleted."""
        for name in names:
            pool = self._pools.pop(name, None)
            if pool is not None:
                pool.retire()
                self._retired.append(pool)
        self._retired = [pool for pool in self._retired if not pool.is_over]

    def _pool(self, deployed: Deployed) -> Pool:
        from biot_provider.emulator.functions.code_folders import CodeFolders
        from biot_provider.emulator.functions.runtime import Function

        with self._store.reading() as db:
            used = {row["digest"] for row in db.execute("SELECT digest FROM code")}
        folders = CodeFolders(self._folder)
        runtime = deployed.settings.runtime
        code = folders.take(str(deployed.digest), lambda: self._content(str(deployed.digest)), runtime)
        try:
            folders.clear(used)
            address = {"BIOT_BASE_URL": self._address()}
            settings = replace(deployed.settings, variables={**deployed.settings.variables, **address})
        except BaseException:
            code.release()
            raise
        return Pool(deployed, lambda: Function(code.path, settings), code.release)

    def _content(self, digest: str) -> bytes:
        with self._store.reading() as db:
            row = db.execute("SELECT content FROM code WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise _ReplacedError
        return bytes(row["content"])


class _ReplacedError(ValueError):
    """The code of a plugin does not exist any more."""

    def __init__(self) -> None:
        super().__init__("it was replaced at this moment")


def _seed(event: Mapping[str, Any]) -> Invocation:
    """Respond as a plugin without its own code: everything passes unchanged."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    member = {
        "INTERCEPTOR_PRE": "request",
        "INTERCEPTOR_POST": "response",
        "INTERCEPTOR_POST_ENTITY": "response",
    }.get(headers.get("hooktype", ""))
    if member is None:
        return invocation({"statusCode": 200, "body": "{}"})
    try:
        return invocation({member: json.loads(event["body"])[member]})
    except (LookupError, TypeError):
        return failed(f"the event has no body with {member}")


def _outcome(call: Invocation, limit: int) -> str:
    """Return how a call ended, for a log."""
    if call.error is not None:
        return call.error
    status = status_of(call)
    text = f"answered{'' if status is None else f' {status}'} in {1000 * call.duration:.0f} ms"
    if call.init_duration is not None:
        text += f", after a cold start of {1000 * call.init_duration:.0f} ms"
    return text if not call.peak_memory else f"{text}, {call.peak_memory} of {limit} MB"
