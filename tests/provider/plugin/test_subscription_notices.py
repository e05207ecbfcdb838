"""What a preview says about new subscriptions, from the platform; and that nothing of it stops or slows a preview."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pulumi.output import Unknown

from biot_provider.api.client import Client

from ...stopwatch import Stopwatch
from ...uncoded import uncoded
from ..conftest import World

API = "PATCH/organization/v1/users/patients/{id}"
READS = {
    "reference": "/settings/v1/interceptions",
    "plugins": "/settings/v2/plugins",
    "endpoints": "/dispatcher/v1/hooks/interceptions",
    "actions": "/settings/v2/entity-types/action-notifications",
    "templates": "/settings/v1/templates",
}


@pytest.fixture(autouse=True)
def _debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect is raised, which a preview passes over otherwise."""
    monkeypatch.setenv("BIOT_LOG", "debug")


@pytest.fixture(autouse=True)
def _deployed(world: World) -> None:
    """Plugins of others on the hook, one more every hundred."""
    for name, order in (("first", 100), ("second", 200), ("third", 300)):
        hook = {"type": "PRE_REQUEST", "apiId": API}
        subscriptions = {"interceptionOrder": order, "interceptions": [hook], "notifications": []}
        config = {"name": name, "displayName": name, "version": 1, "subscriptions": subscriptions}
        world.platform.plugins.create(config, None)


def hooks(order: int = 1, api_id: str = API, **more: Any) -> dict[str, Any]:
    return {"interception_order": order, "interceptions": [{"type": "PRE_REQUEST", "api_id": api_id}], **more}


def reads(world: World) -> list[str]:
    """What was read, each kind as often as it was asked for."""
    paths = [entry["path"] for entry in world.platform.requests() if entry["method"] == "GET"]
    return sorted(kind for kind, path in READS.items() for asked in paths if asked == path)


class Preview:
    """Checks as a preview makes them, and the lines that they show."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._world = world
        self._capsys = capsys

    def __call__(self, name: str = "guard", old: dict[str, Any] | None = None, **given: Any) -> list[str]:
        self._capsys.readouterr()
        result = self._world.provider.check(old or {}, {"name": name, "__owner": f"project/stack/{name}", **given})
        assert result.failures == []
        return self._capsys.readouterr().err.splitlines()


@pytest.fixture
def preview(world: World, capsys: pytest.CaptureFixture[str]) -> Preview:
    return Preview(world, capsys)


def test_a_new_plugin_hears_whom_it_runs_before_and_after(preview: Preview) -> None:
    assert preview(subscriptions=hooks(250)) == [
        f"plugin 'guard': PRE_REQUEST {API}: with order 250 it runs after first, second and before third"
    ]
    assert preview("alone", subscriptions=hooks(api_id="GET/organization/v1/users/patients/{id}")) == []


def test_an_order_that_another_has_is_a_warning_that_names_it(preview: Preview, world: World) -> None:
    client = Client.connect(world.settings)
    client.subscribe_interception(
        {
            "type": "PRE_REQUEST",
            "apiId": API,
            "endpoint": "https://hooks.acme.example/biot?code=letmein",
            "executionOrder": 7,
        }
    )
    client.close()
    (warning,) = preview(old=world.inputs(), subscriptions=hooks(200))
    assert warning.startswith(f"warning: plugin 'guard': PRE_REQUEST {API}: order 200 is that of second too")
    (warning,) = preview(old=world.inputs(), subscriptions=hooks(7))
    assert "order 7 is that of https://hooks.acme.example/biot too" in warning
    assert "letmein" not in warning


def test_plugins_of_one_program_are_compared_as_they_are_declared(preview: Preview) -> None:
    preview("one", old={"name": "one"}, subscriptions=hooks(7))
    (warning,) = preview("two", old={"name": "two"}, subscriptions=hooks(7))
    assert "order 7 is that of one too" in warning
    preview("second", old={"name": "second"}, subscriptions=hooks(8))
    assert preview("three", old={"name": "three"}, subscriptions=hooks(200)) == []  # second has left that place


def test_what_the_platform_does_not_have_is_a_warning_with_the_nearest(preview: Preview, world: World) -> None:
    world.platform.contract_variants.set(templates="listed")
    lines = preview(
        subscriptions={
            "interceptions": [
                {"type": "POST_REQUEST", "api_id": "PATCH/organization/v1/user/patients/{id}"},
                {"type": "POST_REQUEST", "api_id": "POST/organization/v1/users/patients/templates/nurse"},
                {"type": "ADAPT_ENTITY", "entity_type_name": "devise"},
            ],
            "notifications": [
                {"entity_type_name": "patint", "action_name": "_create"},
                {"entity_type_name": "patient", "action_name": "_creates"},
                {"entity_type_name": "patient", "action_name": "_create", "template_name": "patien"},
            ],
        }
    )
    assert all(line.startswith("warning: plugin 'guard': ") for line in lines)
    found = [uncoded(line).removeprefix("warning: plugin 'guard': ") for line in lines]
    assert [line.split("; the nearest it has: ") for line in found] == [
        ["ADAPT_ENTITY devise: this platform has no such entity to adapt", "device"],
        [
            "POST_REQUEST PATCH/organization/v1/user/patients/{id}: this platform has no such API to intercept",
            f"{API}, GET/organization/v1/users/patients/{{id}}, DELETE/organization/v1/users/patients/{{id}}",
        ],
        ["notification patint _create: this platform has no entity 'patint'", "patient, patient-alert"],
        [
            "notification patient _creates: this platform notifies of no action '_creates' of patient",
            "_create",
        ],
        ["notification patient _create: this platform has no template 'patien' of patient", "patient"],
    ]


def test_another_spelling_of_an_action_is_no_warning(preview: Preview, world: World) -> None:
    world.platform.contract_variants.set(action_names="upper")
    told = [{"entity_type_name": "patient", "action_name": "_saveMeasurement"}]
    assert preview(subscriptions={"notifications": told}) == []


def test_each_kind_is_read_once_a_process_and_nothing_where_nothing_is_new(preview: Preview, world: World) -> None:
    preview("plain", memory_size=256)
    kept = world.inputs("kept", subscriptions=hooks(5), runtime="python3.13")
    world.connect()
    world.platform.request_log.clear()
    given = {key: value for key, value in kept.items() if key not in ("name", "__owner")}
    assert preview("kept", old=kept, **given) == []
    assert preview("kept", old=kept, **{**given, "memory_size": 512}) == []
    assert world.platform.requests() == []

    told = [{"entity_type_name": "patient", "action_name": "_create", "template_name": "nurse"}]
    for number in range(30):
        preview(f"new-{number}", subscriptions=hooks(number + 1, notifications=told))
    assert reads(world) == sorted(READS)
    assert len(world.logins()) == 1


def test_an_identity_that_may_read_nothing_or_cannot_log_in_hears_nothing(preview: Preview, world: World) -> None:
    bad = hooks(200, api_id="GET/no/such/api", notifications=[{"entity_type_name": "x", "action_name": "y"}])
    service_id, key = world.platform.add_service_user(permissions=set())
    world.connect(service_id=service_id, service_secret_key=key)
    assert preview(subscriptions=bad) == []
    world.connect(service_secret_key="wrong")
    assert preview(subscriptions=bad) == []
    service_id, key = world.platform.add_service_user(permissions={"SETTINGS_PLUGIN_SEARCH"})
    world.connect(service_id=service_id, service_secret_key=key)
    (line,) = preview(old={"name": "guard"}, subscriptions=hooks(200))
    assert "order 200 is that of second too" in line


@pytest.mark.parametrize("kind", ["interception-configuration", "plugin", "interception", "action-notifications"])
@pytest.mark.parametrize("value", [None, "odd", 7, [], {"data": "none"}])
def test_no_word_of_the_platform_stops_it(preview: Preview, world: World, kind: str, value: Any) -> None:
    for member in ("apiId", "entityTypeName", "subscriptions", "endpoint", "executionOrder", "entityName", "name"):
        world.platform.variants.add(kind, member, value)
    preview(subscriptions=hooks(200, notifications=[{"entity_type_name": "patient", "action_name": "_create"}]))


def test_values_that_are_not_known_yet_are_left_out(preview: Preview) -> None:
    unknown = Unknown()
    assert preview(subscriptions=unknown) == []
    assert (
        preview(
            subscriptions={"interception_order": unknown, "interceptions": [{"type": "PRE_REQUEST", "api_id": API}]}
        )
        == []
    )
    interceptions = [{"type": "PRE_REQUEST", "api_id": unknown}, {"type": "PRE_REQUEST", "api_id": API, "order": 1}]
    (line,) = preview(subscriptions={"interceptions": interceptions})
    assert "runs before first, second, third" in line


def test_a_platform_that_does_not_answer_costs_a_few_seconds_once(preview: Preview, world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.connect(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with Stopwatch() as stopwatch:
            for number in range(20):
                assert preview(f"new-{number}", subscriptions=hooks(number + 1)) == []
        assert stopwatch.seconds < 8
