"""Service users and their keys: what changes in place, what is made anew, and that no secret is ever lost sight of."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import is_rpc_secret

from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

from ..attempts import attempt, error_of
from ..conftest import plain
from .service_users import FAULTS, ROLE, UNCHANGED, USER, USERS, diff, keys, logs_in, user

if TYPE_CHECKING:
    from ..conftest import Account

pytestmark = pytest.mark.usefixtures("sleeps")
OTHER_ROLE = "1f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
ORGANIZATION = "00000000-0000-0000-0000-000000000000"


def named(account: Account, name: str = "ci") -> list[str]:
    """The ids of the service users of this name."""
    return [str(row.id) for row in account.api.search_service_users({"name": {"eq": name}})]


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


def test_a_platform_that_keeps_a_cleared_value_is_an_error(account: Account) -> None:
    id_, state, _ = user(account, secret_key_expiration_in_minutes=60)
    account.platform.contract_variants.set(nulls="keep")
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


def test_a_name_that_is_taken_is_reported_before_anything_is_written(account: Account) -> None:
    id_, state, inputs = user(account)
    account.run_anew()
    account.forget()
    said = error_of(lambda: account.create(ServiceUserProvider, inputs))
    assert account.asked() == [f"GET {USERS}"]
    assert said.startswith(f"create service user 'ci': one of that name exists already (id {id_}). It is another")
    assert f"by biot.ServiceUserKey with service_user_id='{id_}'" in said
    assert logs_in(account, id_, state["secret_key"])


def test_a_name_taken_between_the_read_and_the_write_is_reported_too(account: Account) -> None:
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


def test_a_create_that_never_gets_through_reports_that_nothing_exists(account: Account) -> None:
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
