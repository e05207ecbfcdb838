"""What differs between two environments, and what is no difference."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.cli.compare.differences import Compared, Environment, Verdict, compare, fingerprint
from biot_provider.hooks import PRE_REQUEST
from biot_provider.hooks.model import Interception, Subscriber
from biot_provider.plugin.model import PluginState
from biot_provider.plugin.stamp import STAMP_VARIABLE, owner_hash

KEY = secrets.token_bytes(32)
DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64
API = "PATCH/organization/v1/users/patients/{id}"
DECLARED: dict[str, Any] = {
    "name": "guard",
    "display_name": "Guard",
    "runtime": "python3.13",
    "handler": "index.handler",
    "timeout": 3,
    "memory_size": 128,
    "ephemeral_storage": 512,
    "environment_variables": {"MODE": "strict"},
    "enabled_state": "ENABLED",
    "analytics_db_access": False,
    "code_digest": DIGEST,
    "deployment_package_type": "ZIP",
    "version": 1,
    "__owner": "shop/dev/guard",
}
SHOWN: dict[str, Any] = {
    "name": "guard",
    "displayName": "Guard",
    "version": 1,
    "runtime": "python3.13",
    "handler": "index.handler",
    "timeout": 3,
    "memorySize": 128,
    "ephemeralStorage": 512,
    "environmentVariables": {
        "MODE": "strict",
        STAMP_VARIABLE: f"v1:{owner_hash('shop/dev/guard')}:{DIGEST}",
        "BIOT_SERVICE_USER_ID": "server-made",
    },
    "enabledState": "ENABLED",
    "analyticsDbAccess": False,
    "deploymentPackageType": "ZIP",
    "endpointUrl": "https://guard.example/",
    "linkToConsole": "https://console.example/",
    "creationTime": "2026-01-01T00:00:00Z",
    "lastModifiedTime": "2026-01-01T00:00:00Z",
}


def state(**given: Any) -> Environment:
    environment = Environment()
    environment.add_state(PluginState.model_validate(DECLARED | given))
    return environment


def live(*more: Interception, stamp: str | None = DIGEST, variables: Any = None, **shown: Any) -> Environment:
    environment = Environment()
    own = {key: value for key, value in SHOWN["environmentVariables"].items() if key != STAMP_VARIABLE}
    own |= {STAMP_VARIABLE: f"v1:{owner_hash('shop/dev/guard')}:{stamp}"} if stamp else {}
    answer = SHOWN | {"environmentVariables": own | (variables or {})} | shown
    environment.add_answer(PluginAnswer.model_validate(answer))
    environment.interceptions += more
    return environment


def compared(a: Environment, b: Environment) -> Compared:
    (one,) = compare(a, b, KEY)
    return one


def differences(a: Environment, b: Environment) -> dict[str, tuple[Any, Any]]:
    return {one.field: (one.a, one.b) for one in compared(a, b).differences}


def subscribed(order: int | None = None, default: int | None = 1, **more: Any) -> dict[str, Any]:
    interception = {"type": PRE_REQUEST, "apiId": API, "order": order, **more}
    return {"subscriptions": {"interceptionOrder": default, "interceptions": [interception], "notifications": []}}


def other(order: int, name: str = "other") -> Interception:
    return Interception(Subscriber(f"plugin {name}", name), PRE_REQUEST, API, order=order)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (state(), live()),
        (live(), live(endpointUrl="https://elsewhere.example/", version=9, creationTime="2027-01-01T00:00:00Z")),
        (live(), live(ephemeralStorage=None, analyticsDbAccess=None, cors=None)),
        (live(), live(cors={"allowMethods": ["POST", "GET"], "allowHeaders": ["Content-Type", "Authorization"]})),
        (state(display_name=None), state(display_name="guard")),
        (live(**subscribed()), live(**subscribed(1))),
        (live(**subscribed()), live(**subscribed(default=None))),
        (live(**subscribed()), live(**subscribed(entityTypeName="patient"))),
        (state(**subscribed(1)), live(other(1), **subscribed(2))),
        (live(**subscribed(1)), live(other(1), other(2, "more"), **subscribed(3))),
    ],
)
def test_what_the_platform_fills_in_or_moves_is_no_difference(a: Environment, b: Environment) -> None:
    assert differences(a, b) == differences(b, a) == {}


def test_equal_plugins_have_equal_code_and_variables() -> None:
    assert compared(state(), live()) == compared(live(), live()) == Compared("guard", Verdict.EQUAL)


def test_each_field_that_differs_is_named_with_both_values() -> None:
    a = live(**subscribed(), cors={"allowOrigins": ["https://a.example"]})
    b = live(
        memorySize=256,
        cronSchedule="0 8 ? * MON *",
        subscriptions={
            "interceptionOrder": 1,
            "interceptions": [],
            "notifications": [{"entityTypeName": "patient", "actionName": "_create"}],
        },
    )
    assert differences(a, b) == {
        "memory_size": (128, 256),
        "cron_schedule": (None, "0 8 ? * MON *"),
        "cors.allow_origins": (["https://a.example"], ["*"]),
        "subscriptions.interception_order": (1, None),
        f"subscriptions.interceptions[PRE_REQUEST {API}]": ("subscribed", None),
        "subscriptions.notifications[patient _create]": (None, "subscribed"),
    }


def test_a_word_that_nobody_knows_is_compared_as_it_is() -> None:
    assert differences(live(enabledState="PAUSED"), live(timeout={"s": 3})) == {
        "enabled_state": ("PAUSED", "ENABLED"),
        "timeout": (3, '{"s": 3}'),
    }


def test_an_order_counts_where_no_move_explains_it() -> None:
    field = f"subscriptions.interceptions[PRE_REQUEST {API}].order"
    assert differences(live(**subscribed(1)), live(**subscribed(5))) == {field: (1, 5)}
    assert differences(live(**subscribed(1)), live(other(1), **subscribed(2**31))) == {field: (1, 2**31)}
    # Of the places between, one is free.
    assert differences(live(**subscribed(1)), live(other(1), **subscribed(3))) == {field: (1, 3)}
    # Moved, and so behind one that it runs before elsewhere.
    assert differences(live(other(2), **subscribed(1)), live(other(1), **subscribed(2))) == {field: (1, 2)}
    # Lower than declared: nobody is moved down.
    assert differences(state(**subscribed(5)), live(other(1), **subscribed(2))) == {field: (5, 2)}


def test_code_is_compared_by_what_identifies_it_whoever_owns_it() -> None:
    assert differences(state(), state(code_digest=OTHER_DIGEST, __owner="shop/production/guard")) == {
        "code": (f"sha256:{DIGEST[:12]}", f"sha256:{OTHER_DIGEST[:12]}")
    }
    assert differences(live(), live(stamp="seed")) == {"code": (f"sha256:{DIGEST[:12]}", "none declared")}
    image = state(image_tag="guard-1", code_digest=None, deployment_package_type="IMAGE")
    assert set(differences(state(), image)) == {"code", "deployment_package_type"}


def test_code_that_nothing_identifies_is_never_called_equal() -> None:
    for stamp in (None, "unknown"):
        assert differences(live(stamp=stamp), live(stamp=stamp)) == {"code": ("not known (no stamp)",) * 2}


def test_beside_its_own_state_a_later_version_is_code_that_was_deployed_elsewhere() -> None:
    assert differences(state(), live(version=2)) == {
        "code": (f"sha256:{DIGEST[:12]}", "deployed elsewhere as version 2")
    }


def test_a_plugin_taken_over_without_code_is_equal_to_its_state_until_somebody_deploys_code() -> None:
    assert differences(state(code_digest=None), live(stamp=None)) == {}
    assert differences(state(code_digest=None), live(stamp=None, version=2)) == {
        "code": ("none declared", "not known (no stamp)")
    }


def test_a_secret_shows_as_a_fingerprint_that_only_this_run_can_make() -> None:
    found = differences(live(variables={"TOKEN": "1", "SAME": "x"}), live(variables={"TOKEN": "2", "SAME": "x"}))
    assert found == {
        "environment_variables.TOKEN": (
            fingerprint(KEY, "guard", "TOKEN", "1"),
            fingerprint(KEY, "guard", "TOKEN", "2"),
        )
    }
    marks = {
        fingerprint(key, plugin, variable, "1")
        for key in (KEY, secrets.token_bytes(32))
        for plugin in ("guard", "other")
        for variable in ("TOKEN", "OTHER")
    }
    assert len(marks) == 8
    assert differences(live(), live(variables={"NEW": "1"}))["environment_variables.NEW"][0] is None


def test_a_plugin_of_one_environment_alone_is_said_to_be_there_alone() -> None:
    b = live()
    b.add_answer(PluginAnswer.model_validate(SHOWN | {"name": "Plugin-more"}))
    assert [(one.name, one.verdict) for one in compare(Environment(), b, KEY)] == [
        ("guard", Verdict.ONLY_B),
        ("more", Verdict.ONLY_B),
    ]
    assert [(one.name, one.verdict) for one in compare(b, live(), KEY)] == [
        ("guard", Verdict.EQUAL),
        ("more", Verdict.ONLY_A),
    ]
