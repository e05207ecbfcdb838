"""Service users and their keys: what changes in place, what is made anew, and that no secret is ever lost sight of."""

from __future__ import annotations

import gc
import itertools
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.output import Unknown
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.errors import ApiError
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Account

pytestmark = pytest.mark.usefixtures("sleeps")

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
OTHER_ROLE = "1f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
ORGANIZATION = "00000000-0000-0000-0000-000000000000"
USER: dict[str, Any] = {"name": "ci", "role_id": ROLE, "type": "EXTERNAL_SERVICE"}
USERS = "/ums/v2/services"
FAULTS: dict[str, dict[str, Any]] = {
    "504 after the commit": {"kind": "gateway-timeout"},
    "reset before the commit": {"kind": "reset"},
    "reset after the commit": {"kind": "reset-after-commit"},
    "500": {"kind": "internal-error"},
    "403": {"kind": "forbidden"},
}


def attempt(act: Any) -> str | None:
    """The one line of an error, None when all went well."""
    try:
        act()
    except Exception as error:
        assert type(error).__name__ == "BioT", error
        said = str(error)
        assert "a defect of" not in said, said
        assert "\n" not in said
        return said
    return None


def error_of(act: Any) -> str:
    """The one line of the error that this ends in."""
    said = attempt(act)
    assert said is not None
    return said


def user(account: Account, **given: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A new service user: id, state and inputs."""
    inputs = account.inputs(ServiceUserProvider, **{**USER, **given})
    return *account.create(ServiceUserProvider, inputs), inputs


def key(account: Account, service_user_id: str, **given: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A new key: id, state and inputs."""
    inputs = account.inputs(ServiceUserKeyProvider, service_user_id=service_user_id, **given)
    return *account.create(ServiceUserKeyProvider, inputs), inputs


def named(account: Account, name: str = "ci") -> list[str]:
    """The ids of the service users of this name."""
    return [str(row.id) for row in account.api.search_service_users({"name": {"eq": name}})]


def keys(account: Account, id_: str) -> list[str]:
    return [str(item.id) for item in account.api.get_service_user(id_).secret_keys or ()]


def logs_in(account: Account, id_: str, secret: str | None) -> bool:
    """Whether this is a secret key of the service user."""
    client = Client.connect(Settings(account.settings.base_url, id_, secret))
    try:
        client.get_service_user(id_)
    except ApiError as error:
        assert error.code == "LOGIN_FAILED", error
        return False
    finally:
        client.close()
    return True


def plain(value: Any) -> Any:
    """What the engine hands on: secrets without their marks."""
    return {name: unwrap_rpc_secret(item) if is_rpc_secret(item) else item for name, item in value.items()}


def diff(account: Account, state: dict[str, Any], inputs: dict[str, Any]) -> tuple[bool, list[str], bool]:
    kind = ServiceUserKeyProvider if "key_id" in state else ServiceUserProvider
    result = account.of(kind).diff("", state, inputs)
    return result.changes, result.replaces, result.delete_before_replace


UNCHANGED: tuple[bool, list[str], bool] = (False, [], False)


# -- service users


def test_a_service_user_is_made_after_a_look_for_its_name_and_its_secret_key_logs_in(account: Account) -> None:
    account.forget()
    id_, state, inputs = user(account, secret_key_expiration_in_minutes=60)
    assert account.asked() == [f"GET {USERS}", f"POST {USERS}"]
    assert named(account) == [id_]
    assert logs_in(account, id_, state["secret_key"])
    assert keys(account, id_) == [state["secret_key_id"]]
    shown = account.api.get_service_user(id_)
    assert (shown.role_id, shown.type, shown.active, shown.secret_key_expiration_in_minutes) == (
        ROLE,
        "EXTERNAL_SERVICE",
        True,
        60,
    )
    assert diff(account, state, inputs) == UNCHANGED


def test_the_secret_key_is_marked_as_a_secret_wherever_it_leaves_the_provider(account: Account) -> None:
    provider = account.of(ServiceUserProvider)
    made = provider.create(account.inputs(ServiceUserProvider, **USER))
    assert is_rpc_secret(made.outs["secret_key"])
    state = plain(made.outs)
    assert is_rpc_secret(provider.read(made.id, state).outs["secret_key"])
    assert "secret_key" not in provider.read(made.id, state).inputs
    assert is_rpc_secret(provider.update(made.id, state, {**state, "active": False}).outs["secret_key"])
    made = account.of(ServiceUserKeyProvider).create({"service_user_id": made.id})
    assert is_rpc_secret(made.outs["secret_key"])
    assert is_rpc_secret(account.of(ServiceUserKeyProvider).read(made.id, plain(made.outs)).outs["secret_key"])


@pytest.mark.parametrize(
    ("first", "then", "sent"),
    [
        ({}, {"active": False}, {"active": False}),
        ({}, {"role_id": OTHER_ROLE}, {"roleId": OTHER_ROLE}),
        ({}, {"secret_key_expiration_in_minutes": 60}, {"secretKeyExpirationInMinutes": 60}),
        ({"secret_key_expiration_in_minutes": 60}, {}, {"secretKeyExpirationInMinutes": None}),
    ],
)
def test_what_the_platform_can_change_is_one_patch_of_it_and_keeps_the_key(
    account: Account, first: dict[str, Any], then: dict[str, Any], sent: dict[str, Any]
) -> None:
    id_, state, _ = user(account, **first)
    inputs = account.inputs(ServiceUserProvider, **{**USER, **then})
    # Deleted first, should the engine be told to replace it: names are unique.
    assert diff(account, state, inputs) == (True, [], True)
    account.forget()
    after = plain(account.of(ServiceUserProvider).update(id_, state, inputs).outs)
    assert account.asked() == [f"GET {USERS}/{id_}", f"PATCH {USERS}/{id_}"]
    shown = account.api.get_service_user(id_).model_dump(by_alias=True)
    assert {name: shown[name] for name in sent} == sent
    assert after["secret_key"] == state["secret_key"]
    assert diff(account, after, inputs) == UNCHANGED


@pytest.mark.parametrize(
    ("then", "replaces", "delete_first"),
    [
        ({"type": "INTERNAL_SERVICE"}, ["type"], True),
        ({"owner_organization_id": ROLE}, ["owner_organization_id"], True),
        ({"access_token_expiration_in_minutes": 77}, ["access_token_expiration_in_minutes"], True),
        ({"name": "other"}, ["name"], False),
        ({"name": Unknown()}, ["name"], False),
        ({"type": Unknown()}, ["type"], True),
        ({"name": "other", "type": "INTERNAL_SERVICE"}, ["type", "name"], False),
    ],
)
def test_what_the_platform_cannot_change_replaces_and_deletes_first_only_where_the_name_stays(
    account: Account, then: dict[str, Any], replaces: list[str], delete_first: bool, capsys: Any
) -> None:
    _, state, _ = user(account)
    inputs = account.inputs(ServiceUserProvider, **{**USER, **then})
    assert diff(account, state, inputs) == (True, replaces, delete_first)
    assert f"warning: service user 'ci' is made anew ({', '.join(replaces)} cannot change in place)" in (
        capsys.readouterr().err
    )


def test_what_the_platform_filled_in_is_shown_and_is_no_change_declared_or_not(account: Account) -> None:
    id_, state, inputs = user(account)
    assert state["owner_organization_id"] == ORGANIZATION
    read = account.of(ServiceUserProvider).read(id_, state)
    assert (plain(read.outs), plain(read.inputs)) == (state, inputs)
    filled_in = {key: state[key] for key in state["__filled_in"] if key in state}
    assert diff(account, state, account.inputs(ServiceUserProvider, **USER, **filled_in)) == UNCHANGED
    upper = account.inputs(ServiceUserProvider, **{**USER, "role_id": ROLE.upper()})
    assert diff(account, state, upper) == UNCHANGED


def test_drift_shows_on_reading_and_heals(account: Account) -> None:
    id_, state, inputs = user(account)
    account.api.update_service_user(id_, {"active": False, "secretKeyExpirationInMinutes": 9})
    read = account.of(ServiceUserProvider).read(id_, state)
    assert (read.inputs["active"], read.inputs["secret_key_expiration_in_minutes"]) == (False, 9)
    state = plain(read.outs)
    assert diff(account, state, inputs) == (True, [], True)
    healed = plain(account.of(ServiceUserProvider).update(id_, state, inputs).outs)
    assert account.api.get_service_user(id_).secret_key_expiration_in_minutes is None
    assert diff(account, healed, inputs) == UNCHANGED


def test_an_update_leaves_what_somebody_else_changed_until_a_refresh_shows_it(account: Account) -> None:
    id_, state, _ = user(account)
    account.api.update_service_user(id_, {"active": False})
    inputs = account.inputs(ServiceUserProvider, **{**USER, "role_id": OTHER_ROLE})
    sent = account.platform.requests
    account.forget()
    state = plain(account.of(ServiceUserProvider).update(id_, state, inputs).outs)
    assert [entry["method"] for entry in sent()] == ["GET", "PATCH"]
    shown = account.api.get_service_user(id_)
    assert (shown.role_id, shown.active) == (OTHER_ROLE, False)
    assert diff(account, state, inputs) == UNCHANGED, "what no preview shows is no update"
    read = account.of(ServiceUserProvider).read(id_, state)
    assert read.inputs["active"] is False
    assert diff(account, plain(read.outs), inputs) == (True, [], True)


def test_one_remade_by_hand_under_the_same_name_is_neither_taken_nor_deleted(account: Account) -> None:
    id_, state, inputs = user(account)
    account.api.delete_service_user(id_)
    theirs = account.api.create_service_user({"name": "ci", "roleId": ROLE, "type": "EXTERNAL_SERVICE"})
    account.run_anew()
    provider = account.of(ServiceUserProvider)
    assert provider.read(id_, state).id == ""
    assert f"one of that name exists already (id {theirs.id})" in error_of(
        lambda: account.create(ServiceUserProvider, inputs)
    )
    provider.delete(id_, state)
    assert logs_in(account, theirs.id, theirs.secret_key_data.secret_key)


def test_one_with_keys_that_somebody_made_is_not_taken_for_the_one_whose_answer_was_lost(
    account: Account, sleeps: Any
) -> None:
    inputs = account.inputs(ServiceUserProvider, **USER)
    theirs: list[Any] = []

    def somebody(seconds: float) -> None:
        if seconds and not theirs:
            theirs.append(account.api.create_service_user({"name": "ci", "roleId": ROLE, "type": "EXTERNAL_SERVICE"}))
            account.api.create_secret_key(theirs[0].id)

    sleeps.side_effect = somebody
    account.platform.faults.add("reset", method="POST", path=f"{USERS}$")
    said = error_of(lambda: account.create(ServiceUserProvider, inputs))
    assert f"one of that name exists already (id {theirs[0].id})" in said
    assert logs_in(account, theirs[0].id, theirs[0].secret_key_data.secret_key)


def test_what_replaces_is_shown_as_replacing_though_its_value_is_not_known_yet(account: Account) -> None:
    _, state, inputs = user(account)
    assert diff(account, state, {**inputs, "type": Unknown()}) == (True, ["type"], True)
    assert diff(account, state, {**inputs, "name": Unknown()}) == (True, ["name"], False)
    assert diff(account, state, {**inputs, "role_id": Unknown()}) == (True, [], True)


def test_an_update_that_was_done_but_not_recorded_is_not_sent_again(account: Account) -> None:
    id_, state, _ = user(account)
    inputs = account.inputs(ServiceUserProvider, **{**USER, "active": False})
    account.of(ServiceUserProvider).update(id_, state, inputs)
    account.forget()
    account.of(ServiceUserProvider).update(id_, state, inputs)
    assert account.asked() == [f"GET {USERS}/{id_}"]


def test_an_id_spelled_in_another_case_is_the_same_id(account: Account) -> None:
    id_, state, inputs = user(account, role_id=ROLE.upper())
    account.api.update_service_user(id_, {"roleId": ROLE})
    read = account.of(ServiceUserProvider).read(id_, state)
    assert (plain(read.outs), plain(read.inputs)) == (state, inputs)


def test_a_platform_that_keeps_what_it_was_told_to_clear_is_an_error(account: Account) -> None:
    id_, state, _ = user(account, secret_key_expiration_in_minutes=60)
    account.platform.switches.set(nulls="keep")
    inputs = account.inputs(ServiceUserProvider, **USER)
    said = error_of(lambda: account.of(ServiceUserProvider).update(id_, state, inputs))
    assert "update service user 'ci': the platform keeps secret_key_expiration_in_minutes as it was" in said


def test_a_service_user_that_is_gone_reads_as_nothing_is_deleted_and_cannot_be_updated(account: Account) -> None:
    id_, state, _ = user(account)
    account.api.delete_service_user(id_)
    provider = account.of(ServiceUserProvider)
    assert (provider.read(id_, state).id, provider.read(id_, state).outs) == ("", {})
    provider.delete(id_, state)
    inputs = account.inputs(ServiceUserProvider, **{**USER, "active": False})
    said = error_of(lambda: provider.update(id_, state, inputs))
    assert "update service user 'ci': it no longer exists (trace id " in said
    assert "`pulumi up --refresh`" in said


@pytest.mark.parametrize("operation", ["read", "update", "delete"])
def test_a_gateways_404_never_means_gone(account: Account, operation: str) -> None:
    id_, state, _ = user(account)
    for method in ("GET", "PATCH", "DELETE"):
        account.platform.faults.add(status=404, body="<html>no route</html>", method=method, path=USERS, times=None)
    provider = account.of(ServiceUserProvider)
    act: Callable[..., Any] = {
        "read": lambda: provider.read(id_, state),
        "update": lambda: provider.update(id_, state, {**state, "active": False}),
        "delete": lambda: provider.delete(id_, state),
    }[operation]
    assert "the platform answered 404 with no error body of BioT's" in error_of(act)
    account.platform.faults.clear()
    assert named(account) == [id_]


def test_a_name_that_is_taken_is_told_before_anything_is_written(account: Account) -> None:
    id_, state, inputs = user(account)
    account.run_anew()
    account.forget()
    said = error_of(lambda: account.create(ServiceUserProvider, inputs))
    assert account.asked() == [f"GET {USERS}"]
    assert said.startswith(f"create service user 'ci': one of that name exists already (id {id_}). It is another")
    assert f"by biot.ServiceUserKey with service_user_id='{id_}'" in said
    assert logs_in(account, id_, state["secret_key"])


def test_a_name_taken_between_the_look_and_the_write_is_told_too(account: Account) -> None:
    id_, state, inputs = user(account)
    account.platform.faults.add(status=200, json={"data": [], "metadata": {}}, method="GET", path=f"{USERS}$")
    said = error_of(lambda: account.create(ServiceUserProvider, inputs))
    assert f"one of that name exists already (id {id_})" in said
    assert logs_in(account, id_, state["secret_key"])


def test_a_name_is_looked_for_as_a_whole(account: Account) -> None:
    user(account, name="ci-deployer")
    user(account, name="CI")
    user(account, name="ci")
    assert len(named(account)) == 1
    # A platform that finds more than was asked for.
    rows = [account.api.get_service_user(id_).model_dump(by_alias=True) for id_ in named(account)]
    account.platform.faults.add(status=200, json={"data": rows}, method="GET", path=f"{USERS}$")
    assert user(account, name="c")[1]["name"] == "c"


@pytest.mark.parametrize("fault", FAULTS)
def test_create_ends_with_one_service_user_whose_one_key_is_known(account: Account, fault: str, capsys: Any) -> None:
    inputs = account.inputs(ServiceUserProvider, **USER)
    account.platform.faults.add(**FAULTS[fault], method="POST", path=f"{USERS}$")
    made: list[Any] = []
    said = attempt(lambda: made.append(account.create(ServiceUserProvider, inputs)))
    if fault == "403":
        assert said is not None
        assert "create service user 'ci': the platform answered 403 ACCESS_DENIED" in said
        assert "give the service user's role the UMS_SERVICES_* and UMS_USERS_* permissions" in said
        assert named(account) == []
        return
    assert said is None
    ((id_, state),) = made
    assert named(account) == [id_]
    assert keys(account, id_) == [state["secret_key_id"]]
    assert logs_in(account, id_, state["secret_key"])
    assert diff(account, state, inputs) == UNCHANGED
    lost = "after" in fault
    assert ("the answer with its secret key was lost" in capsys.readouterr().err) == lost


def test_a_service_user_that_became_visible_late_is_found_by_the_conflict(account: Account) -> None:
    inputs = account.inputs(ServiceUserProvider, **USER)
    account.platform.faults.add("gateway-timeout", method="POST", path=f"{USERS}$")
    empty: dict[str, Any] = {"data": [], "metadata": {}}
    account.platform.faults.add(status=200, json=empty, method="GET", path=f"{USERS}$", skip=1)
    id_, state = account.create(ServiceUserProvider, inputs)
    assert named(account) == [id_]
    assert logs_in(account, id_, state["secret_key"])


def test_somebody_elses_service_user_made_meanwhile_is_left_alone(account: Account) -> None:
    inputs = account.inputs(ServiceUserProvider, **USER)
    theirs = account.api.create_service_user({"name": "ci", "roleId": OTHER_ROLE, "type": "EXTERNAL_SERVICE"})
    empty: dict[str, Any] = {"data": [], "metadata": {}}
    account.platform.faults.add(status=200, json=empty, method="GET", path=f"{USERS}$")
    account.platform.faults.add("internal-error", method="POST", path=f"{USERS}$")
    assert "one of that name exists already" in error_of(lambda: account.create(ServiceUserProvider, inputs))
    assert logs_in(account, theirs.id, theirs.secret_key_data.secret_key)


def test_a_create_that_never_gets_through_says_that_nothing_is_there(account: Account) -> None:
    inputs = account.inputs(ServiceUserProvider, **USER)
    account.platform.faults.add("internal-error", method="POST", path=f"{USERS}$", times=None)
    said = error_of(lambda: account.create(ServiceUserProvider, inputs))
    assert "Service user 'ci' was not found there afterwards" in said
    assert named(account) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_update_ends_as_declared_or_is_refused(account: Account, fault: str) -> None:
    id_, state, _ = user(account)
    inputs = account.inputs(ServiceUserProvider, **{**USER, "active": False})
    account.platform.faults.add(**FAULTS[fault], method="PATCH", path=USERS)
    said = attempt(lambda: account.of(ServiceUserProvider).update(id_, state, inputs))
    assert (said is not None and "403 ACCESS_DENIED" in said) if fault == "403" else said is None
    assert account.api.get_service_user(id_).active == (fault == "403")
    assert_read_between_writes(account, "PATCH")


@pytest.mark.parametrize("fault", FAULTS)
def test_delete_ends_with_it_gone_or_is_refused(account: Account, fault: str) -> None:
    id_, state, _ = user(account)
    account.platform.faults.add(**FAULTS[fault], method="DELETE", path=USERS)
    said = attempt(lambda: account.of(ServiceUserProvider).delete(id_, state))
    assert (said is not None and "403 ACCESS_DENIED" in said) if fault == "403" else said is None
    assert named(account) == ([id_] if fault == "403" else [])
    assert_read_between_writes(account, "DELETE")


def assert_read_between_writes(account: Account, method: str) -> None:
    for first, second in itertools.pairwise(entry.split()[0] for entry in account.asked()):
        assert not first == second == method


# -- keys


def test_a_key_logs_in_and_its_id_names_both(account: Account) -> None:
    id_, _, _ = user(account, secret_key_expiration_in_minutes=60)
    account.forget()
    key_id, state, inputs = key(account, id_)
    assert account.asked() == [f"GET {USERS}/{id_}", f"POST {USERS}/{id_}/secret-keys"]
    assert key_id == f"{id_}/{state['key_id']}"
    assert state["key_id"] in keys(account, id_)
    assert state["expiration_time"] > state["creation_time"]
    assert logs_in(account, id_, state["secret_key"])
    assert diff(account, state, inputs) == UNCHANGED
    read = account.of(ServiceUserKeyProvider).read(key_id, state)
    assert (read.id, plain(read.outs), plain(read.inputs)) == (key_id, state, inputs)


def test_other_keepers_or_another_service_user_make_a_new_key_before_the_old_one_is_dropped(account: Account) -> None:
    id_, _, _ = user(account)
    _, state, _ = key(account, id_, keepers={"month": 1, "by": "ops"})
    same = account.inputs(ServiceUserKeyProvider, service_user_id=id_, keepers={"by": "ops", "month": 1.0})
    assert diff(account, state, same) == UNCHANGED
    rotated = account.inputs(ServiceUserKeyProvider, service_user_id=id_, keepers={"by": "ops", "month": 2})
    assert diff(account, state, rotated) == (True, ["keepers"], False)
    moved = account.inputs(ServiceUserKeyProvider, service_user_id="another", keepers={"by": "ops", "month": 1})
    assert diff(account, state, moved) == (True, ["service_user_id"], False)
    waiting = {**same, "keepers": {"month": Unknown(), "by": "ops"}}
    assert diff(account, state, waiting) == (True, ["keepers"], False)


def test_a_key_that_was_dropped_or_whose_service_user_is_gone_reads_as_nothing_and_is_dropped(account: Account) -> None:
    id_, _, _ = user(account)
    key_id, state, _ = key(account, id_)
    provider = account.of(ServiceUserKeyProvider)
    account.api.delete_secret_key(id_, state["key_id"])
    assert (provider.read(key_id, state).id, provider.read(key_id, state).outs) == ("", {})
    provider.delete(key_id, state)
    account.api.delete_service_user(id_)
    assert provider.read(key_id, state).id == ""
    provider.delete(key_id, state)


@pytest.mark.parametrize("shown", [{"missing": True}, {"value": None}, {"value": [{"id": None}]}])
def test_a_key_is_taken_as_it_was_where_the_platform_does_not_show_which_there_are(
    account: Account, shown: dict[str, Any], capsys: Any
) -> None:
    id_, _, _ = user(account)
    key_id, state, _ = key(account, id_)
    account.platform.variants.add("service-user", "secretKeys", **shown)
    assert plain(account.of(ServiceUserKeyProvider).read(key_id, state).outs) == state
    assert "the platform does not show which keys there are; it is taken as it was" in capsys.readouterr().err
    said = error_of(lambda: account.of(ServiceUserKeyProvider).read(key_id, {}))
    assert "there is none on this platform" in said


def test_a_key_that_has_expired_is_told_without_a_request(account: Account, capsys: Any) -> None:
    id_, _, _ = user(account)
    _, state, inputs = key(account, id_)
    past = {**state, "expiration_time": "2020-01-01T00:00:00.000Z"}
    account.forget()
    assert diff(account, past, inputs) == UNCHANGED
    assert "warning: secret key 'mine' expired at 2020-01-01T00:00:00.000Z" in capsys.readouterr().err
    assert account.asked() == []


def test_a_get_of_a_key_gives_its_times_and_no_secret(account: Account) -> None:
    id_, state, _ = user(account)
    key_id = f"{id_}/{state['secret_key_id']}"
    outs = plain(account.of(ServiceUserKeyProvider).read(key_id, {"__owner": "shop/dev/found"}).outs)
    assert (outs["service_user_id"], outs["key_id"]) == (id_, state["secret_key_id"])
    assert "creation_time" in outs
    assert "secret_key" not in outs
    said = error_of(lambda: account.of(ServiceUserKeyProvider).read(id_, {}))
    assert f"read secret key '{id_}': the id must be <service user's id>/<key's id>" in said


def fill(account: Account, id_: str) -> list[str]:
    """Make keys by hand until the platform gives no more; the keys there are."""
    for _ in range(100):
        try:
            account.api.create_secret_key(id_)
        except ApiError as error:
            assert error.code == "MAX_SECRET_KEYS"
            return keys(account, id_)
    raise AssertionError


def test_at_the_limit_with_every_key_of_a_resource_the_first_one_is_named(account: Account) -> None:
    account.platform.switches.set(max_secret_keys=2)
    id_, user_state, user_inputs = user(account)
    _, state, inputs = key(account, id_)
    diff(account, user_state, user_inputs)
    diff(account, state, inputs)
    said = error_of(lambda: account.create(ServiceUserKeyProvider, inputs))
    assert said.index(f"{user_state['secret_key_id']} (") < said.index(f"{state['key_id']} (")
    assert "What to do: delete the first one if only later ones are in use, in the BioT Console" in said
    assert said.count("What to do") == 1


def test_at_the_limit_the_error_lists_the_keys_and_says_which_may_go(account: Account) -> None:
    id_, user_state, user_inputs = user(account)
    key_id, state, inputs = key(account, id_)
    there = fill(account, id_)
    assert diff(account, user_state, user_inputs) == UNCHANGED
    diff(account, state, {**inputs, "keepers": {"month": "2"}})
    said = error_of(lambda: account.create(ServiceUserKeyProvider, inputs))
    assert f"create a secret key of service user '{id_}': the platform answered 409 MAX_SECRET_KEYS" in said
    assert "A new key is made before the old one is dropped, so there must be room for one more" in said
    assert f"{state['key_id']} (created {state['creation_time']}, never expires, of resource 'mine')" in said
    free = [item for item in there if item not in (state["key_id"], user_state["secret_key_id"])]
    assert f"What to do: delete one of {', '.join(free)} if nothing uses it, in the BioT Console" in said
    assert keys(account, id_) == there
    account.api.delete_secret_key(id_, free[0])
    account.create(ServiceUserKeyProvider, inputs)
    assert key_id


@pytest.mark.parametrize("fault", FAULTS)
def test_creating_a_key_ends_with_one_whose_secret_is_known_and_one_that_was_lost_is_named(
    account: Account, fault: str, capsys: Any
) -> None:
    id_, _, _ = user(account)
    before = keys(account, id_)
    account.platform.faults.add(**FAULTS[fault], method="POST", path="/secret-keys$")
    made: list[Any] = []
    said = attempt(lambda: made.append(key(account, id_)))
    if fault == "403":
        assert said is not None
        assert "403 ACCESS_DENIED" in said
        assert keys(account, id_) == before
        return
    assert said is None
    ((_, state, _),) = made
    lost = set(keys(account, id_)) - {*before, state["key_id"]}
    assert len(lost) == (1 if "after" in fault else 0)
    told = capsys.readouterr().err
    assert all(f"key {key_id} came into being while the answer with a new key's secret was lost" in told
               for key_id in lost)  # fmt: skip
    assert logs_in(account, id_, state["secret_key"])


def test_somebody_elses_key_made_while_an_answer_is_lost_is_left_alone(account: Account, sleeps: Any) -> None:
    id_, _, _ = user(account)
    account.platform.faults.add("reset", method="POST", path="/secret-keys$")
    theirs: list[Any] = []
    sleeps.side_effect = lambda seconds: theirs.append(account.api.create_secret_key(id_)) if seconds else None
    _, state, _ = key(account, id_)
    assert logs_in(account, id_, theirs[0].secret_key)
    assert logs_in(account, id_, state["secret_key"])


def test_a_key_that_never_comes_through_is_not_made_again_and_again(account: Account, capsys: Any) -> None:
    id_, _, _ = user(account)
    before = keys(account, id_)
    account.platform.faults.add("gateway-timeout", method="POST", path="/secret-keys$", times=None)
    said = error_of(lambda: key(account, id_))
    lost = [key_id for key_id in keys(account, id_) if key_id not in before]
    assert len(lost) == 2
    assert f"Meanwhile the keys {', '.join(lost)} came into being, and their secrets were not received" in said
    assert all(key_id in capsys.readouterr().err for key_id in lost[:1])


def test_at_the_limit_the_key_that_was_lost_is_the_one_to_delete(account: Account) -> None:
    account.platform.switches.set(max_secret_keys=2)
    id_, _, _ = user(account)
    (first,) = keys(account, id_)
    account.platform.faults.add("gateway-timeout", method="POST", path="/secret-keys$")
    said = error_of(lambda: key(account, id_))
    (lost,) = set(keys(account, id_)) - {first}
    assert f"What to do: delete {lost}, which came into being just now while the answer with its secret was" in said


def test_keys_made_at_once_are_not_taken_for_each_others_leftovers(account: Account, sleeps: Any, capsys: Any) -> None:
    id_, _, _ = user(account)
    inputs = account.inputs(ServiceUserKeyProvider, service_user_id=id_)
    account.platform.faults.add("gateway-timeout", method="POST", path="/secret-keys$")
    # The other thread makes its key before this one looks for what it left.
    other_made = threading.Event()
    sleeps.side_effect = lambda seconds: other_made.wait(60) if seconds else None
    barrier = threading.Barrier(2)

    def make(_: int) -> dict[str, Any]:
        barrier.wait(timeout=60)
        state = account.create(ServiceUserKeyProvider, inputs)[1]
        other_made.set()
        return state

    with ThreadPoolExecutor(2) as threads:
        states = list(threads.map(make, range(2)))
    assert all(logs_in(account, id_, state["secret_key"]) for state in states)
    assert len(keys(account, id_)) == 4
    told = capsys.readouterr().err
    assert [state["key_id"] for state in states if state["key_id"] in told] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_dropping_a_key_ends_with_it_gone_or_is_refused(account: Account, fault: str) -> None:
    id_, _, _ = user(account)
    key_id, state, _ = key(account, id_)
    account.platform.faults.add(**FAULTS[fault], method="DELETE", path="/secret-keys/")
    said = attempt(lambda: account.of(ServiceUserKeyProvider).delete(key_id, state))
    assert (said is not None and "403 ACCESS_DENIED" in said) if fault == "403" else said is None
    assert (state["key_id"] in keys(account, id_)) == (fault == "403")


def test_no_secret_key_is_in_any_error(account: Account) -> None:
    id_, state, inputs = user(account)
    canary = "canary-of-a-secret-key"
    almost = {"id": None, "secretKey": canary}
    account.platform.faults.add(status=201, json=almost, method="POST", path="/secret-keys$", times=None)
    said = error_of(lambda: key(account, id_))
    account.platform.faults.add(
        status=201, json={**inputs, "secretKeyData": almost}, method="POST", path=f"{USERS}$", times=None
    )
    said += error_of(lambda: user(account, name="other"))
    assert canary not in said
    assert "[secret]" not in said
    assert state["secret_key"] not in said


def test_no_secret_key_is_in_the_debug_log(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOT_LOG", "debug")
    monkeypatch.setenv("BIOT_LOG_FILE", str(tmp_path / "debug.log"))
    account.run_anew()
    id_, user_state, _ = user(account)
    _, state, _ = key(account, id_)
    log = (tmp_path / "debug.log").read_text()
    assert log.count("[secret]") >= 2
    assert user_state["secret_key"] not in log
    assert state["secret_key"] not in log


def elsewhere(state: dict[str, Any]) -> dict[str, Any]:
    """The state of something that was made on another platform."""
    return {**state, "__platform": "https://api.prod.acme.example"}


@pytest.mark.parametrize(
    ("kind", "operation"),
    [(ServiceUserProvider, operation) for operation in ("diff", "read", "update", "delete")]
    + [(ServiceUserKeyProvider, operation) for operation in ("diff", "read", "delete")],
)
def test_another_platform_is_refused_where_the_service_user_is_not(account: Account, kind: Any, operation: str) -> None:
    id_, state, inputs = user(account)
    if kind is ServiceUserKeyProvider:
        id_, state, inputs = key(account, id_)
    provider = account.of(kind)
    act: Callable[..., Any] = {
        "diff": lambda id_: provider.diff(id_, elsewhere(state), inputs),
        "read": lambda id_: provider.read(id_, elsewhere(state)),
        "update": lambda id_: provider.update(id_, elsewhere(state), inputs),
        "delete": lambda id_: provider.delete(id_, elsewhere(state)),
    }[operation]
    said = error_of(lambda: act(id_.replace(id_.partition("/")[0], ROLE)))
    assert "this stack deployed it to https://api.prod.acme.example, and http://127.0.0.1:" in said
    assert "`pulumi config set biot:baseUrl https://api.prod.acme.example`" in said
    act(id_)  # an address where it is there is the same platform under another name


@pytest.fixture
def process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a provider sets for the whole of its process is taken back."""
    monkeypatch.setattr("biot_provider.lifecycle.connection._CONNECTIONS", {})
    with warnings.catch_warnings():
        yield
    logging.disable(logging.NOTSET)
    gc.unfreeze()


@pytest.mark.usefixtures("process_as_before")
def test_all_providers_of_a_process_log_in_once(account: Account) -> None:
    config = {"baseUrl": account.settings.base_url, "serviceId": account.settings.service_id}
    config["serviceSecretKey"] = account.settings.service_secret_key
    request = ConfigureRequest(Config({f"biot:{name}": value for name, value in config.items()}, "shop"))
    providers = [kind() for kind in (ServiceUserProvider, ServiceUserKeyProvider, NotificationSubscriptionProvider)]
    for provider in providers:
        provider.configure(request)
    account.forget()
    id_ = providers[0].create(USER).id
    providers[1].create({"service_user_id": id_})
    known = {"__platform": account.settings.base_url}
    assert providers[2].read("patient _create https://hooks.acme.example", known).id == ""
    assert len([r for r in account.platform.requests() if r["path"].endswith("/accessToken")]) == 1
    providers[0].connection.client(None).close()
