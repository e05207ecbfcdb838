"""Whatever the platform shows of a plugin, it can be refreshed, previewed, updated and destroyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.testing.variants import changes

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.usefixtures("sleeps")

FULL: dict[str, Any] = {
    "version": 3,
    "environment_variables": {"MODE": "strict", "LEVEL": "3"},
    "subscriptions": {
        "interception_order": 2,
        "interceptions": [
            {"type": "PRE_REQUEST", "api_id": "POST/organization/v1/users/patients", "order": 4},
            {"type": "ADAPT_ENTITY", "entity_type_name": "device"},
        ],
        "notifications": [{"entity_type_name": "patient", "action_name": "_create", "template_name": "nurse"}],
    },
    "cors": {"allow_origins": ["https://a.example"], "allow_methods": ["PUT", "GET"]},
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
    inputs = world.inputs(code=world.code(), **FULL)
    state = world.create(inputs)
    slower = world.inputs(code=world.code(), **FULL, timeout=9)
    names = []
    for name, change in shown_changes(world):
        world.platform.variants.clear()
        world.platform.variants.add("plugin", **change)
        read = world.provider.read("guard", state)
        if not read.id:  # of another time and without a stamp, it is somebody else's
            assert change["at"][0] in ("creationTime", "environmentVariables"), name
            continue
        seen, _ = world.refreshed(state)
        world.changes(seen, inputs)
        if change["at"][0] != "version":  # the next one is refused, where that is none
            world.update(seen, slower)
        world.platform.variants.clear()
        seen, _ = world.refreshed(seen)  # what was shown wrong once is right again
        assert "deployed elsewhere" not in seen["code_digest"] or change["at"][0] == "version", name
        state = world.update(seen, inputs)
        assert not world.changes(state, inputs), name
        names.append(name)
    assert len(names) > 150


@pytest.mark.parametrize("stamp", [True, False])
def test_whatever_is_shown_the_plugin_is_destroyed_or_a_line_says_why_not(
    world: World, stamp: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    world.connect(stamp=stamp)
    inputs = world.inputs(code=world.code(), **FULL)
    state = world.create(inputs)
    for name, change in shown_changes(world):
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


def test_what_is_shown_is_no_check_failure_and_nothing_is_sent_when_its_changes_are_ignored(world: World) -> None:
    state = world.create(world.inputs(**FULL))
    for name, change in shown_changes(world):
        world.platform.variants.clear()
        world.platform.variants.add("plugin", **change)
        if not world.provider.read("guard", state).id:
            continue
        seen, shown = world.refreshed(state)
        checked = world.provider.check(shown, dict(shown))
        assert checked.failures == [], (name, [failure.reason for failure in checked.failures])
        assert not world.changes(seen, checked.inputs | {"environment_variables": shown["environment_variables"]}), name
