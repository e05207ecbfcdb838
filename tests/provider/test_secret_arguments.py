"""What a program gave as a secret is in no message of any operation; what never is public is in none at all."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biot_provider.config import Settings
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.provider.image import PluginImageProvider
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.plugin import PluginProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

from ..uncoded import uncoded
from .conftest import World

ARGUMENTS: dict[type[DynamicProvider], str] = {
    PluginProvider: "name display_name version code image_tag runtime handler timeout memory_size ephemeral_storage"
    " environment_variables subscriptions enabled_state cron_schedule analytics_db_access cors adopt",
    PluginImageProvider: "name context dockerfile target build_args builder code base_image handler",
    ServiceUserProvider: "role_id type name active owner_organization_id access_token_expiration_in_minutes"
    " secret_key_expiration_in_minutes",
    ServiceUserKeyProvider: "service_user_id keepers",
    InterceptionSubscriptionProvider: "type endpoint api_id entity_name path_filters execution_order",
    NotificationSubscriptionProvider: "entity_type_name action_name endpoint template_name",
}


def canary() -> str:
    return f"canary{secrets.token_hex(10)}"


def pieces(value: str) -> list[str]:
    return [value[at : at + 8].lower() for at in range(6, len(value) - 7)]


def assert_unseen(text: str, *values: str) -> None:
    assert [number for number, value in enumerate(values) if any(p in text.lower() for p in pieces(value))] == []


@pytest.mark.parametrize("shape", ["text", "list", "map", "inside", "lines"])
@pytest.mark.parametrize("kind", ARGUMENTS, ids=lambda kind: kind.__name__)
def test_a_check_quotes_no_secret_argument(
    kind: type[DynamicProvider], shape: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ARGUMENTS[kind].split()
    values = {name: canary() for name in names}
    shapes: dict[str, dict[str, Any]] = {
        "text": values,
        "list": {name: [value] for name, value in values.items()},
        "map": {name: {value: value} for name, value in values.items()},
        "inside": {name: {"deep": [{"of": value}]} for name, value in values.items()},
        "lines": {name: f"{value}\n{value}" for name, value in values.items()},
    }
    shaped = shapes[shape]
    provider: Any = kind()
    provider.connect(Connection(Settings("embedded")))
    result = provider.check({}, shaped | {"__secrets": names, "__owner": "shop/dev/mine"})
    said = "\n".join(failure.reason for failure in result.failures)
    assert result.failures
    if shape != "map":  # its keys are names
        assert_unseen(said + capfd.readouterr().err, *values.values())


def test_the_next_runs_of_a_schedule_that_is_secret_are_not_shown(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.inputs(cron_schedule="30 6 ? * MON-FRI *", __secrets=["cron_schedule"])
    assert capfd.readouterr().err == ""


def test_without_their_being_secrets_values_are_quoted() -> None:
    provider: Any = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    result = provider.check({}, {"name": "guard", "timeout": "canary", "__owner": "shop/dev/mine"})
    assert [uncoded(failure.reason) for failure in result.failures] == [
        "timeout: must be a whole number (seconds), not 'canary'"
    ]


def test_their_names_stay_in_inputs_and_state(world: World) -> None:
    inputs = world.inputs(display_name=canary(), __secrets=["display_name"])
    assert inputs["__secrets"] == ["display_name"]
    state = world.create(inputs)
    assert state["__secrets"] == ["display_name"]
    outs, read = world.refreshed(state)
    assert (outs["__secrets"], read["__secrets"]) == (["display_name"], ["display_name"])
    changed = world.inputs(display_name=canary(), __secrets=["display_name"])
    assert world.update(outs, changed)["__secrets"] == ["display_name"]
    assert not world.changes(world.update(outs, changed), {k: v for k, v in changed.items() if k != "__secrets"})


@pytest.mark.parametrize("debugging", [False, True])
@pytest.mark.parametrize("operation", ["create", "update", "read", "delete"])
def test_an_operation_quotes_no_secret_argument_and_no_variable(
    world: World, operation: str, debugging: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if debugging:
        monkeypatch.setenv("BIOT_LOG", "debug")
        monkeypatch.setenv("BIOT_LOG_FILE", str(world.folder / "debug.log"))
    world.connect(request_timeout=1)
    shown, variable = canary(), canary()
    given: dict[str, Any] = {
        "display_name": shown,
        "environment_variables": {"TOKEN": variable},
        "__secrets": ["display_name"],
    }
    inputs = world.inputs(**given)
    state = {} if operation == "create" else world.create(inputs)
    changed = world.inputs(**given | {"timeout": 7})
    act: Callable[..., Any] = {
        "create": lambda: world.create(inputs),
        "update": lambda: world.update(state, changed),
        "read": lambda: world.refreshed(state),
        "delete": lambda: world.delete(state),
    }[operation]
    quotes = [form for value in (shown, variable) for form in (value[:18], value.upper(), json.dumps([value[4:]]))]
    method = {"create": "POST", "update": "PATCH", "read": "GET", "delete": "DELETE"}[operation]
    body = {"code": "BAD", "message": " ".join(quotes), "details": {"given": quotes}}
    world.platform.faults.add(status=400, json=body, method=method, path="/plugins/|/plugins$", times=None)
    with pytest.raises(Exception, match="BAD") as raised:
        act()
    assert_unseen(str(raised.value) + capfd.readouterr().err, shown)
    if operation != "read":  # whose variables this process has not seen yet
        assert_unseen(str(raised.value), variable)
    if debugging:
        assert_unseen((world.folder / "debug.log").read_text(), variable)


LOUD = """
import logging, sys, threading, warnings
from pulumi.dynamic import Config, ConfigureRequest
from biot_provider.provider.plugin import PluginProvider
PluginProvider().configure(ConfigureRequest(Config({"biot:baseUrl": "embedded"}, "shop")))
warnings.warn("canary")
warnings.warn("canary", DeprecationWarning)
logging.getLogger("some.library").critical("canary")
logging.warning("canary")
logging.getLogger("httpx").warning("canary")
"""


@pytest.mark.parametrize("switch", ["-Walways", "-Werror", "-Xdev"])
def test_in_the_providers_process_no_library_writes_to_the_error_output(tmp_path: Path, switch: str) -> None:
    done = subprocess.run([sys.executable, switch, "-c", LOUD], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "canary" in done.stderr + done.stdout) == (0, False)
