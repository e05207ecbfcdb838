"""What is added to Pulumi's host of dynamic providers: the paths of a diff, and more operations at once."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime import proto

from biot_provider.provider.host import let_more_run_at_once, report_changes, send_changed_paths


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with the parts of the host that matter, as the process' main one."""
    host = ModuleType("__main__")
    vars(host).update(DynamicResourceProviderServicer=object, proto=proto)
    monkeypatch.setitem(sys.modules, "__main__", host)
    return host


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        (3.0, 3, ["x"]),
        (1, 2, ["x"]),
        (None, "a", ["x"]),
        ("a", Unknown(), ["x"]),
        ({"A": "1", "B": "1"}, {"A": "2", "B": "1"}, ["x", "x.A"]),
        ({"a/b.js": "1"}, {}, ["x", 'x["a/b.js"]']),
        (None, {"list": [{"type": "P"}]}, ["x", "x.list[0].type"]),
        ({"list": [{"type": "P", "id": 1}]}, {"list": [{"type": "Q", "id": 1}, "y"]},
         ["x", "x.list[0].type", "x.list[1]"]),
        ({"a": 1}, [1], ["x"]),
    ],
)  # fmt: skip
def test_a_diff_names_each_property_and_the_parts_of_it_that_differ(
    host: Any, old: Any, new: Any, paths: list[str]
) -> None:
    send_changed_paths()
    send_changed_paths()  # by the provider of another kind in the same process
    report_changes({"x": old, "same": 1}, {"x": new, "same": 2}, ["x"])

    response = host.proto.DiffResponse(changes=host.proto.DiffResponse.DIFF_SOME, replaces=["x"])

    assert (list(response.diffs), list(response.replaces)) == (paths, ["x"])
    assert list(host.proto.DiffResponse().diffs) == []  # of another provider's diff, after it


def test_the_hosts_pool_grows_while_it_works() -> None:
    together = threading.Barrier(16)
    with ThreadPoolExecutor(max_workers=4) as pool:
        pool.submit(let_more_run_at_once, 16).result()
        waiting = [pool.submit(together.wait, 20) for _ in range(16)]
        assert sorted(future.result() for future in waiting) == [*range(16)]
    let_more_run_at_once(16)  # in a thread of no pool


@pytest.mark.parametrize("missing", ["DynamicResourceProviderServicer", "proto"])
def test_a_host_of_other_parts_is_left_as_it_is(host: ModuleType, missing: str) -> None:
    delattr(host, missing)
    before = dict(vars(host))
    send_changed_paths()
    assert vars(host) == before


def test_what_the_host_sends_itself_stays(host: Any) -> None:
    send_changed_paths()
    report_changes({"x": 1}, {"x": 2}, ["x"])
    assert list(host.proto.DiffResponse(diffs=["y"]).diffs) == ["y"]
    assert isinstance(host.proto, SimpleNamespace)
    assert proto.DiffResponse().diffs == []
