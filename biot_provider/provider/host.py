"""What Pulumi's host of dynamic providers leaves out: of a diff, which properties changed and which are ignored; and
more than four operations at once.

The host is the process this runs in, ``python -m pulumi.dynamic``. Where its parts are not the expected ones, it works
as it is: ``replace_on_changes`` then has nothing to match, and four operations run at once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from biot_provider.errors import InputError
from biot_provider.lifecycle.paths import changed_paths

_DIFF = threading.local()
"""The host answers a diff in the thread that called it."""


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
    """Have the host send the changed paths with each diff. Called when a provider is configured in its process."""
    host = sys.modules["__main__"]
    proto = getattr(host, "proto", None)
    original = getattr(proto, "DiffResponse", None)
    if not hasattr(host, "DynamicResourceProviderServicer") or original is None or isinstance(original, _DiffResponse):
        return
    vars(host)["proto"] = SimpleNamespace(**(vars(proto) | {"DiffResponse": _DiffResponse(original)}))


def let_more_run_at_once(threads: int) -> None:
    """Have the host's pool grow to so many threads, as the engine's ``--parallel`` asks for; called in one of them.

    What bounds the load on the platform is the limit of requests at once.
    """
    frame = sys._getframe().f_back
    while frame is not None:
        reference: Any = frame.f_locals.get("executor_reference")  # of a thread of concurrent.futures
        if reference is not None and isinstance(executor := reference(), ThreadPoolExecutor):
            executor._max_workers = max(executor._max_workers, threads)
            return
        frame = frame.f_back


def report_changes(olds: Mapping[str, Any], news: Mapping[str, Any], names: Iterable[str]) -> None:
    """Name what a diff found, each property and the parts of it that differ: what the engine shows, and replaces on.

    To be called last, so that no error leaves the names for another diff of this thread.
    """
    _DIFF.changed = changed_paths(olds, news, names)


def refuse_unseen_ignore(what: str, content: Collection[str], digest: str, ignored: Collection[str]) -> None:
    """Stop when a transformation ignores changes of what names the content, but not of the content's digest.

    The resource's class adds the digest where the resource itself is given the option; what is added later it cannot
    see. Raises InputError.
    """
    named = [name for name in content if name in ignored]
    if named and digest not in ignored and "*" not in ignored:
        raise InputError(
            f"ignore_changes: {what}: a transformation adds {named[0]!r}, which leaves out what the files hold",
            "BIOT-2146",
            advice=f"add {digest!r} there too, or give ignore_changes to the resource itself",
        )


def ignored_changes() -> Collection[str]:
    """The option as the engine sent it to this thread with a diff or an update: the host hands on all but this."""
    frame = sys._getframe().f_back
    while frame is not None:
        request: Any = frame.f_locals.get("request")
        if hasattr(request, "ignoreChanges"):
            return tuple(request.ignoreChanges)
        frame = frame.f_back
    return ()
