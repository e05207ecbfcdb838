"""No reading of the API's open points, and no order in which lists are written, makes a difference."""

from __future__ import annotations

from typing import Any

from biot_provider.emulator.testing.switches import readings

from .conftest import Project

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


ALL = {switch: possible[1] for switch, possible in readings().items() if possible[1:]} | {"nulls": "clear"}
"""Every switch at the reading next to its default, but the one that keeps a schedule which is taken away."""


def test_a_whole_life_under_the_other_readings_ends_as_declared(project: Project) -> None:
    project.platform.switches.set(**ALL)
    project.declare(PLUGINS)
    project.up().succeeded()
    reordered = {key: _reversed(value) for key, value in FULL.items()}
    project.declare(PLUGINS | {"full": reordered})
    assert project.up("--refresh", "--expect-no-changes").succeeded().unchanged
    project.declare(PLUGINS | {"full": {"code": "plugins/hello", "timeout": 7}})

    project.up().succeeded()

    assert project.preview("--refresh").succeeded().changes == {"same": len(PLUGINS) + 1}
    project.platform.switches.reset()
    shown = project.shown("full")
    assert (shown["timeout"], shown["cronSchedule"]) == (7, None)
    assert shown["subscriptions"]["interceptions"] == shown["subscriptions"]["notifications"] == []
    project.destroy().succeeded()
    assert project.names() == set()


def _reversed(value: Any) -> Any:
    """The value with its lists in another order, which is no difference to the platform."""
    if isinstance(value, dict):
        return {key: _reversed(item) for key, item in value.items()}
    return value[::-1] if isinstance(value, list) else value
