"""Whatever the platform shows of a plugin, it can be refreshed, previewed, updated and destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.testing.variants import changes

from ..conftest import plain

if TYPE_CHECKING:
    from ..conftest import World

pytestmark = pytest.mark.usefixtures("sleeps")

FULL: dict[str, Any] = {
    "version": 3,
    "environment_variables": {"MODE": "strict"},
    "subscriptions": {
        "interception_order": 2,
        "interceptions": [
            {"type": "PRE_REQUEST", "api_id": "POST/organization/v1/users/patients", "order": 4},
            {"type": "ADAPT_ENTITY", "entity_type_name": "device"},
        ],
        "notifications": [{"entity_type_name": "patient", "action_name": "_create", "template_name": "nurse"}],
    },
    "cors": {"allow_origins": ["https://a.example"], "allow_methods": ["PUT"]},
    "cron_schedule": "0 8 ? * MON *",
    "analytics_db_access": True,
}


@pytest.fixture(autouse=True)
def _in_process(world: World) -> None:
    """Some thousand requests: no sockets between them."""
    world.connect(base_url=f"embedded:{world.folder / 'data'}")


def shown_changes(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Every change of what is shown, but of the thing as a whole, which is an answer that is no plugin."""
    return [(name, change) for name, change in changes(world.live()) if change["at"]]


def test_whatever_is_shown_the_plugin_is_refreshed_previewed_and_updated(world: World) -> None:
    declared = world.inputs(code=world.code(), **FULL)
    other = world.inputs(code=world.code(), **FULL, timeout=9)
    state = world.create(declared)
    names = []
    for name, change in shown_changes(world):
        world.platform.variants.clear()
        world.platform.variants.add("plugin", **change)
        read = world.provider.read("guard", state)
        if not read.id:  # of another time and without a stamp, it is somebody else's
            assert change["at"][0] in ("creationTime", "environmentVariables"), name
            continue
        seen, shown = plain(read.outs), plain(read.inputs)
        assert_no_check_failure_and_no_change_when_its_changes_are_ignored(world, name, seen, shown)
        world.changes(seen, declared)
        if change["at"][0] != "version":  # the next one is refused, where that is none
            declared, other = other, declared
            world.update(seen, declared)
        world.platform.variants.clear()
        seen, _ = world.refreshed(seen)  # what was shown wrong once is right again
        assert "deployed elsewhere" not in seen["code_digest"] or change["at"][0] == "version", name
        state = world.update(seen, declared) if world.changes(seen, declared) else seen
        assert not world.changes(state, declared), name
        names.append(name)
    assert len(names) > 500


def assert_no_check_failure_and_no_change_when_its_changes_are_ignored(
    world: World, name: str, seen: dict[str, Any], shown: dict[str, Any]
) -> None:
    checked = world.provider.check(shown, dict(shown))
    assert checked.failures == [], (name, [failure.reason for failure in checked.failures])
    assert not world.changes(seen, checked.inputs | {"environment_variables": shown["environment_variables"]}), name


@pytest.mark.parametrize("stamp", [True, False])
def test_whatever_is_shown_the_plugin_is_destroyed_or_a_line_says_why_not(
    world: World, stamp: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    world.connect(stamp=stamp)
    inputs = world.inputs(code=world.code(), **FULL)
    state = world.create(inputs)
    for name, change in shown_changes(world):
        if not stamp and change["at"][0] not in ("name", "creationTime", "environmentVariables"):
            continue  # with a stamp or without, what tells whose a plugin is stands there
        world.platform.variants.clear()
        world.platform.variants.add("plugin", **change)
        capfd.readouterr()
        world.provider.connect(world.provider.connection)  # another run, but for its login
        world.delete(state)
        if world.names:
            assert "is left alone" in capfd.readouterr().err, name
        else:
            world.platform.variants.clear()
            state = world.create(inputs)
