"""No reading of the API's open points, and no order in which lists are written, makes a difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.testing.switches import readings

if TYPE_CHECKING:
    from conftest import Project

API = "POST/organization/v1/users/patients"
FULL: dict[str, Any] = {
    "code": "plugins/hello",
    "environment_variables": {"KEY": "value"},
    "subscriptions": {
        "interception_order": 2,
        "interceptions": [
            {"type": "PRE_REQUEST", "api_id": API, "order": 3},
            {"type": "POST_REQUEST", "api_id": API},
            {"type": "ADAPT_ENTITY", "entity_type_name": "patient"},
        ],
        "notifications": [
            {"entity_type_name": "patient", "action_name": "_create"},
            {"entity_type_name": "device", "action_name": "_update", "template_name": "pump"},
        ],
    },
    "cron_schedule": "0 8 ? * MON-FRI *",
    "cors": {"allow_origins": ["https://a.example", "https://b.example"], "allow_methods": ["PUT", "GET", "HEAD"]},
}
PLUGINS: dict[str, dict[str, Any]] = {
    "full": FULL,
    "plain": {},
    # Asks for the same places as `full`: whoever comes second moves the other.
    "rival": {"subscriptions": FULL["subscriptions"]},
    "image": {"image_tag": "image-1"},
}


@pytest.fixture(scope="module")
def deployed(new_project: Callable[..., Project]) -> Project:
    project = new_project()
    project.file("plugins/hello/index.js")
    project.declare(PLUGINS)
    project.up().succeeded()
    return project


OTHERS = [(switch, reading) for switch, possible in readings().items() for reading in possible[1:]]
ALL = dict(reversed(OTHERS))
"""Every switch at the reading next to its default, at once."""


@pytest.mark.parametrize(
    "switches", [{switch: reading} for switch, reading in OTHERS] + [ALL], ids=lambda s: "-".join(s.values())
)
def test_a_preview_with_refresh_is_unchanged_under_every_reading(deployed: Project, switches: dict[str, str]) -> None:
    deployed.platform.switches.set(**switches)
    try:
        preview = deployed.preview("--refresh").succeeded()
    finally:
        deployed.platform.switches.reset()

    assert preview.changes == {"same": len(PLUGINS) + 1}


def test_a_whole_life_under_the_other_readings_ends_as_declared(project: Project) -> None:
    project.platform.switches.set(**ALL | {"nulls": "clear"})
    project.declare(PLUGINS | {"full": FULL | {"code": "plugins/hello"}})
    project.up().succeeded()
    assert project.preview("--refresh").succeeded().changes == {"same": len(PLUGINS) + 1}
    project.declare(PLUGINS | {"full": {"code": "plugins/hello", "timeout": 7}})

    project.up().succeeded()

    assert project.preview("--refresh").succeeded().changes == {"same": len(PLUGINS) + 1}
    project.platform.switches.reset()
    shown = project.shown("full")
    assert (shown["timeout"], shown["cronSchedule"]) == (7, None)
    assert shown["subscriptions"]["interceptions"] == shown["subscriptions"]["notifications"] == []
    project.destroy().succeeded()
    assert project.names() == set()


def test_a_platform_that_keeps_a_schedule_taken_away_is_an_error(project: Project) -> None:
    project.platform.switches.set(nulls="keep")
    project.declare({"hello": {"cron_schedule": "0 8 ? * MON-FRI *"}})
    project.up().succeeded()
    project.declare({"hello": {}})

    project.up().failed("update plugin 'hello': the platform keeps the schedule '0 8 ? * MON-FRI *'", "What to do:")

    assert project.resources()["hello"]["outputs"]["cron_schedule"] == "0 8 ? * MON-FRI *"


def test_lists_written_in_another_order_are_no_difference(project: Project) -> None:
    project.declare({"full": FULL})
    project.up().succeeded()
    subscriptions = {
        key: value[::-1] if isinstance(value, list) else value for key, value in FULL["subscriptions"].items()
    }
    cors = {key: value[::-1] for key, value in FULL["cors"].items()}
    project.declare({"full": FULL | {"subscriptions": subscriptions, "cors": cors}})
    project.forget_requests()

    assert "full" not in project.preview().succeeded().steps
    assert "full" not in project.up().succeeded().steps
    assert project.requests() == []
