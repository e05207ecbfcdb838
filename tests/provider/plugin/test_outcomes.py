"""Writes whose outcome AWS or a gateway leaves unclear: each ends as declared, or in an error that says what is known.

A repeat comes only after a read, there is never a second plugin, and the next run repairs what is left. What the
network does to a write is in ``test_fault_table.py``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.errors import CancelledError
from biot_provider.lifecycle.kind import Context
from biot_provider.plugin.reads import listed
from biot_provider.provider.plugin import PluginProvider

from ..attempts import attempt
from ..native_adapter import NativePluginProvider

if TYPE_CHECKING:
    from ..conftest import World

AWS_CONFLICT = {"kind": "aws-conflict"}
AWS_OTHER = {"status": 500, "code": "AWS_EXCEPTION", "details": {"className": "InvalidParameterValueException"}}
FAULTS: dict[str, dict[str, Any]] = {
    "answer that is no JSON": {"kind": "not-json"},
    "AWS conflict": AWS_CONFLICT,
    "AWS, something else": AWS_OTHER,
    "failed rollback": {"kind": "rollback-failed"},
    "504 without a body": {"kind": "gateway-timeout-empty"},
}
CASES = list(itertools.product(FAULTS, ["before", "after"]))
DECLARED: dict[str, Any] = {
    "timeout": 30,
    "environment_variables": {"MODE": "strict"},
    "cron_schedule": "0 8 ? * MON *",
}

pytestmark = [
    pytest.mark.usefixtures("sleeps"),
    pytest.mark.parametrize("world", [PluginProvider, NativePluginProvider], indirect=True),
]


def spoil(world: World, fault: str, when: str, method: str, **more: Any) -> None:
    """Order the fault for the next write."""
    world.platform.faults.add(**{**FAULTS[fault], "when": when, "method": method, "path": "/plugins", **more})


def assert_read_between_writes(world: World) -> None:
    """A write is never sent twice without a read of the plugin in between."""
    asked = [request["method"] for request in world.requests()]
    for first, second in itertools.pairwise(asked):
        assert first != second or first == "GET", asked


def assert_an_update_told(error: str | None, fault: str, when: str) -> None:
    """Only what the platform did not do, and what a repeat cannot mend, is an error."""
    if when == "before" and fault == "AWS, something else":
        assert error is not None
        assert "InvalidParameterValueException" in error
    else:
        assert error is None


@pytest.mark.parametrize(("fault", "when"), CASES)
def test_create_ends_as_declared_or_says_what_is_known(world: World, fault: str, when: str) -> None:
    inputs = world.inputs(code=world.code(), **DECLARED)
    spoil(world, fault, when, "POST")
    error = attempt(lambda: world.create(inputs))

    assert_read_between_writes(world)
    if when == "after":
        assert error is None
    elif fault == "AWS, something else":
        assert error is not None
        assert "AWS_EXCEPTION" in error
        assert "InvalidParameterValueException" in error
    else:
        assert error is None
    if error is None:
        assert world.names == ["guard"]
        assert len([r for r in world.requests("POST") if r["acted"]]) == 1
    else:
        assert world.names == []

    state = world.create(inputs)  # the next run, as if nothing had been recorded
    assert world.names == ["guard"]
    assert (world.live()["timeout"], world.live()["cronSchedule"]) == (30, "0 8 ? * MON *")
    assert world.platform.code("guard") is not None
    assert not world.changes(state, inputs)


@pytest.mark.parametrize(("fault", "when"), CASES)
def test_a_change_of_configuration_ends_as_declared_or_says_what_is_known(world: World, fault: str, when: str) -> None:
    state = world.create(world.inputs(code=world.code(), **DECLARED))
    inputs = world.inputs(code=world.code(), **{**DECLARED, "timeout": 60, "environment_variables": {"MODE": "lax"}})
    spoil(world, fault, when, "PATCH")
    error = attempt(lambda: world.update(state, inputs))

    assert_read_between_writes(world)
    assert_an_update_told(error, fault, when)
    assert all(part["name"] != "code" for request in world.requests("PATCH") for part in request["parts"])

    state = world.update(state, inputs)
    live = world.live()
    assert (live["timeout"], live["environmentVariables"]["MODE"], live["version"]) == (60, "lax", 1)
    assert world.names == ["guard"]
    assert not world.changes(state, inputs)


@pytest.mark.parametrize(("fault", "when"), CASES)
def test_a_change_of_code_ends_as_declared_or_says_what_is_known(world: World, fault: str, when: str) -> None:
    state = world.create(world.inputs(code=world.code(), **DECLARED))
    first = world.platform.code("guard")
    inputs = world.inputs(code=world.code("# new\n"), **{**DECLARED, "timeout": 60})
    spoil(world, fault, when, "PATCH")
    error = attempt(lambda: world.update(state, inputs))

    assert_read_between_writes(world)
    assert_an_update_told(error, fault, when)
    if error is None:
        again = fault == "failed rollback" and when == "after"  # what a failed rollback left is not trusted
        assert world.live()["version"] == (3 if again else 2)

    state = world.update(state, inputs)
    assert world.platform.code("guard") != first
    assert world.live()["timeout"] == 60
    assert state["version"] == world.live()["version"]
    assert not world.changes(state, inputs)


@pytest.mark.parametrize(("fault", "when"), CASES)
def test_delete_ends_with_the_plugin_gone_or_says_what_is_known(world: World, fault: str, when: str) -> None:
    state = world.create(world.inputs(**DECLARED))
    spoil(world, fault, when, "DELETE")
    error = attempt(lambda: world.delete(state))

    assert_read_between_writes(world)
    # The answer of a delete has nothing in it that could be cut off or read wrongly.
    harmless = fault == "answer that is no JSON"
    if when == "before" and fault == "AWS, something else":
        assert error is not None
        assert "InvalidParameterValueException" in error
    elif when == "before" and harmless:
        assert world.names == ["guard"]  # the platform said it was done
    else:
        assert error is None
        assert world.names == []
    world.delete(state)
    assert world.names == []


@pytest.mark.parametrize("fault", ["504 without a body", "AWS conflict", "failed rollback"])
def test_a_create_that_never_gets_through_stops_and_the_next_run_repairs(world: World, fault: str) -> None:
    inputs = world.inputs(code=world.code(), **DECLARED)
    spoil(world, fault, "before", "POST", times=None)
    error = attempt(lambda: world.create(inputs))
    assert error is not None
    assert "Plugin 'guard' was not found there afterwards" in error
    assert 1 < len(world.requests("POST")) <= 5
    assert_read_between_writes(world)

    world.platform.faults.clear()
    world.create(inputs)
    assert world.names == ["guard"]


def test_when_reading_fails_too_the_error_says_that_nothing_is_known(world: World) -> None:
    inputs = world.inputs(**DECLARED)
    world.platform.faults.add("gateway-timeout", method="POST", path="/plugins")
    world.platform.faults.add("bad-gateway", method="GET", times=None)
    error = attempt(lambda: world.create(inputs))
    assert error is not None
    assert "create plugin 'guard': the platform answered 504 GATEWAY_TIMEOUT" in error
    assert "What became of it is not known, since reading failed too: read plugin 'guard'" in error
    assert "502" in error
    assert len(world.requests("POST")) == 1

    world.platform.faults.clear()
    world.create(inputs)
    assert (world.names, len(world.requests("POST"))) == (["guard"], 2)


def test_a_plugin_that_seems_gone_while_the_update_fails_ends_as_declared_and_is_one(world: World) -> None:
    state = world.create(world.inputs())
    world.platform.faults.add("bad-gateway", method="PATCH")
    world.platform.faults.add(status=404, code="PLUGIN_NOT_FOUND", method="GET", skip=1)
    world.update(state, world.inputs(timeout=9))
    assert (world.names, world.live()["timeout"]) == (["guard"], 9)


def test_waits_grow_and_are_a_few(world: World, sleeps: Any) -> None:
    spoil(world, "AWS conflict", "before", "POST", times=None)
    attempt(lambda: world.create(world.inputs()))
    waited = [call.args[0] for call in sleeps.call_args_list if call.args[0]]
    assert len(waited) == 4
    assert waited == sorted(waited)
    assert sum(waited) > 5, "a fresh function settles within five seconds"


def test_a_write_the_platform_throttles_is_sent_again(world: World) -> None:
    world.platform.faults.add("throttled", method="POST", path="/plugins")
    world.create(world.inputs())
    assert world.names == ["guard"]
    assert_read_between_writes(world)


@pytest.mark.parametrize("stamp", [True, False])
def test_a_create_that_became_visible_late_is_found_by_the_conflict_of_the_second(world: World, stamp: bool) -> None:
    world.connect(stamp=stamp)
    inputs = world.inputs(code=world.code(), **DECLARED)
    world.platform.faults.add("gateway-timeout", method="POST", path="/plugins")
    world.platform.faults.add(status=404, code="PLUGIN_NOT_FOUND", method="GET", skip=0 if stamp else 1)
    state = world.create(inputs)
    assert [request["status"] for request in world.requests("POST")] == [504, 409]
    assert world.names == ["guard"]
    assert not world.changes(state, inputs)


def test_a_platform_that_cannot_be_reached_is_reported_at_once(world: World) -> None:
    world.connect(base_url="http://127.0.0.1:9")
    error = attempt(lambda: world.create(world.inputs()))
    assert error is not None
    assert "http://127.0.0.1:9 cannot be reached" in error


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_a_refusal_is_reported_at_once_and_nothing_is_repeated(world: World, operation: str) -> None:
    state = world.create(world.inputs()) if operation != "create" else {}
    method = {"create": "POST", "update": "PATCH", "delete": "DELETE"}[operation]
    world.platform.faults.add("forbidden", method=method, path="/plugins", times=None)
    before = len(world.requests(method))
    act = {
        "create": lambda: world.create(world.inputs()),
        "update": lambda: world.update(state, world.inputs(timeout=9)),
        "delete": lambda: world.delete(state),
    }[operation]
    error = attempt(act)
    assert error is not None
    assert f"{operation} plugin 'guard': the platform answered 403 ACCESS_DENIED" in error
    assert "(trace id " in error
    assert "What to do: give the service user's role the SETTINGS_PLUGIN_* permissions" in error
    assert len(world.requests(method)) == before + 1


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "list is refused"])
def test_a_404_from_a_cache_forgets_no_plugin_that_the_list_has(
    world: World, capfd: pytest.CaptureFixture[str], listed: bool
) -> None:
    state = world.create(world.inputs())
    world.platform.faults.add(status=404, code="PLUGIN_NOT_FOUND", method="GET", path="Plugin-guard$", times=None)
    if not listed:
        world.platform.faults.add("forbidden", method="GET", path="plugins$", times=None)
    assert world.provider.read("guard", state).id == ("guard" if listed else "")
    world.delete(state)
    assert world.names == ([] if listed else ["guard"])
    said = capfd.readouterr().err
    assert ("not found, but the platform's list has it" in said) == listed
    assert ("counts as gone, but the platform's list cannot be read: list plugins:" in said) != listed


def test_a_name_that_is_taken_by_what_a_cache_hides_is_to_be_tried_again(world: World) -> None:
    world.create(world.inputs())
    world.platform.faults.add(status=404, code="PLUGIN_NOT_FOUND", method="GET", path="Plugin-guard$")
    error = attempt(lambda: world.create(world.inputs()))
    assert "but reading it says that it does not exist. What to do: run `pulumi up` again" in str(error)
    assert world.create(world.inputs())["name"] == "guard"


def test_a_list_that_still_has_a_deleted_plugin_does_not_stop_its_destroy(world: World) -> None:
    state = world.create(world.inputs())
    row = world.live()
    world.platform.plugins.delete("Plugin-guard")
    world.platform.faults.add(
        status=200, json={"data": [row], "metadata": {}}, method="GET", path="plugins$", times=None
    )
    world.delete(state)
    assert len(world.requests("DELETE")) == 1, "its 404 counts"


def test_a_cancelled_look_into_the_list_does_not_make_a_plugin_gone(world: World) -> None:
    world.create(world.inputs())
    context = Context(world.provider.connection, None, lambda _: None)
    world.provider.connection.cancel()
    with pytest.raises(CancelledError):
        listed(context, "guard")
