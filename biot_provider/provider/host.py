"""Additions to Pulumi's host of dynamic providers: changed and ignored properties, more threads, an end.

The host is the current process, ``python -m pulumi.dynamic``. If its internals differ from the expected ones, it stays
unchanged: ``replace_on_changes`` then matches nothing, and four operations run at once.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from biot_provider.errors import InputError
from biot_provider.lifecycle.paths import changed_paths

_SECONDS_BETWEEN_LOOKS = 2.0
"""Between two looks whether the engine is there; it is gone when two in a row are refused."""

RUNNING: set[object] = set()
"""The operations that run now."""

_DIFF = threading.local()
"""Per thread, since the host responds to a diff in the thread that called it."""


class _DiffResponse:
    """The host's ``proto.DiffResponse``, with the changed paths that the diff of this thread reported."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __call__(self, **fields: Any) -> Any:
        changed, _DIFF.changed = getattr(_DIFF, "changed", ()), ()
        return self._original(**({"diffs": changed} | fields))


def send_changed_paths() -> None:
    """Make the host send the changed paths with each diff. Called when a provider is configured in its process."""
    host = sys.modules["__main__"]
    proto = getattr(host, "proto", None)
    original = getattr(proto, "DiffResponse", None)
    if not hasattr(host, "DynamicResourceProviderServicer") or original is None or isinstance(original, _DiffResponse):
        return
    vars(host)["proto"] = SimpleNamespace(**(vars(proto) | {"DiffResponse": _DiffResponse(original)}))


@functools.cache
def end_with_the_engine() -> None:
    """From now on, end this process when the engine was killed, once no operation runs: nobody records a result.

    Pulumi's host would stay for ever. It gets the engine's address as its argument; where no engine is at that address
    now, that it is not there later means nothing.
    """
    host, _, port = "".join(sys.argv[1:2]).rpartition(":")
    is_host = hasattr(sys.modules["__main__"], "DynamicResourceProviderServicer")
    if is_host and port.isdecimal() and _is_there(host, int(port)):
        threading.Thread(target=_wait_for_the_end, args=(host, int(port)), daemon=True).start()


def _wait_for_the_end(host: str, port: int) -> None:
    refused = 0
    while refused < 2 or RUNNING:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        is_there = _is_there(host, port)
        if is_there is not None:
            refused = 0 if is_there else refused + 1
    os._exit(1)


def _is_there(host: str, port: int) -> bool | None:
    """Return whether something listens at the address; None if that is not known."""
    try:
        # Closed at once: an engine that ends waits for connections.
        socket.create_connection((host, port), timeout=_SECONDS_BETWEEN_LOOKS).close()
    except ConnectionRefusedError:
        return False
    except (OSError, OverflowError):  # slow, this process has no descriptor left, or there is no such port
        return None
    return True


def let_more_run_at_once(threads: int) -> None:
    """Let the host's pool grow to so many threads, since the engine's ``--parallel`` needs them; called in one of them.

    The limit of simultaneous requests bounds the load on the platform.
    """
    frame = sys._getframe().f_back
    while frame is not None:
        reference: Any = frame.f_locals.get("executor_reference")  # of a thread of concurrent.futures
        if reference is not None and isinstance(executor := reference(), ThreadPoolExecutor):
            executor._max_workers = max(executor._max_workers, threads)
            return
        frame = frame.f_back


def report_changes(olds: Mapping[str, Any], news: Mapping[str, Any], names: Iterable[str]) -> None:
    """Report each changed property and its changed parts, which the engine shows and for which it may replace.

    Call it last, so that after an error no paths remain for another diff of this thread.
    """
    _DIFF.changed = changed_paths(olds, news, names)


def refuse_unseen_ignore(what: str, content: Collection[str], digest: str, ignored: Collection[str]) -> None:
    """Raise InputError if a transformation ignores changes of the content's argument, but not of its digest.

    The resource's class adds the digest to the option that the resource is given, but does not see options that are
    added later.
    """
    named = [name for name in content if name in ignored]
    if named and digest not in ignored and "*" not in ignored:
        raise InputError(
            f"ignore_changes: {what}: a transformation adds {named[0]!r}, which leaves out what the files hold",
            "BIOT-2146",
            advice=f"add {digest!r} there too, or give ignore_changes to the resource itself",
        )


def ignored_changes() -> Collection[str]:
    """Return the option that the engine sent with this thread's diff or update; the host does not pass it on."""
    frame = sys._getframe().f_back
    while frame is not None:
        request: Any = frame.f_locals.get("request")
        if hasattr(request, "ignoreChanges"):
            return tuple(request.ignoreChanges)
        frame = frame.f_back
    return ()
