"""Subscriptions of one's own endpoints: their parts are their identity; a change leaves no gap in service."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown

from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider as Interceptions
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider as Notifications

from ...uncoded import uncoded
from ..attempts import attempt, error_of
from .service_users import FAULTS

if TYPE_CHECKING:
    from ..conftest import Account

pytestmark = pytest.mark.usefixtures("sleeps")

HOOK = "https://hooks.acme.example/biot"
ELSEWHERE = "https://hooks.acme.example/other"
PATIENTS = "POST/organization/v1/users/patients"
TEMPLATES = f"{PATIENTS}/templates/{{templateName}}"
PRE: dict[str, Any] = {"type": "PRE_REQUEST", "api_id": PATIENTS, "entity_name": "patient", "endpoint": HOOK}
ADAPT: dict[str, Any] = {"type": "ADAPT_ENTITY", "entity_name": "device", "endpoint": HOOK}
TOLD: dict[str, Any] = {"entity_type_name": "patient", "action_name": "_create", "endpoint": HOOK}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "interception": (Interceptions, PRE),
    "notification": (Notifications, TOLD),
}
SEARCH = {"interception": "/dispatcher/v1/hooks/interceptions", "notification": "/dispatcher/v1/hooks/notifications"}

SEVERAL = {
    "interception": [f"{method}/organization/v1/users/patients" for method in ("POST", "GET")],
    "notification": ["_create", "_update", "_delete", "_login"],
}
"""Of one endpoint."""

DIGESTS = ("f0ec1217981fc6f4", "0e8aa6ffbed78677")

each_kind = pytest.mark.parametrize("kind", KINDS)


def subscribed(account: Account, kind: str = "interception", endpoint: str = HOOK) -> list[Any]:
    search = account.api.search_interceptions if kind == "interception" else account.api.search_notifications
    return list(search({"endpoint": {"eq": endpoint}}))


def orders(account: Account, *endpoints: str) -> list[int | None]:
    return [row.execution_order for endpoint in endpoints for row in subscribed(account, endpoint=endpoint)]


def make(
    account: Account, kind: str = "interception", resource: str = "mine", **given: Any
) -> tuple[str, dict[str, Any]]:
    provider, arguments = KINDS[kind]
    return account.create(provider, account.inputs(provider, resource, **{**arguments, **given}))


def diff(
    account: Account, state: dict[str, Any], kind: str = "interception", **given: Any
) -> tuple[bool, list[str], bool]:
    provider, arguments = KINDS[kind]
    account_inputs = {"__owner": "shop/dev/mine", **arguments, **given}
    result = account.of(provider).diff("", state, {k: v for k, v in account_inputs.items() if v is not None})
    return result.changes, result.replaces, result.delete_before_replace


# -- create, and what is there already


@each_kind
def test_a_subscription_is_one_post_after_a_look_and_its_id_is_its_parts(account: Account, kind: str) -> None:
    account.forget()
    id_, state = make(account, kind)
    assert account.asked() == [f"GET {SEARCH[kind]}", f"POST {SEARCH[kind]}/subscribe"]
    assert (
        id_
        == {
            "interception": f"PRE_REQUEST {PATIENTS} {HOOK}",
            "notification": f"patient _create {HOOK}",
        }[kind]
    )
    assert len(subscribed(account, kind)) == 1
    assert diff(account, state, kind) == (False, [], False)
    assert account.of(KINDS[kind][0]).read(id_, state).id == id_


def test_each_type_of_interception_and_its_filters_reach_the_platform(account: Account) -> None:
    make(account, execution_order=7)
    make(account, **ADAPT, api_id=None)
    make(account, type="POST_REQUEST", api_id=TEMPLATES, path_filters={"templateName": "nurse"})
    shown = {(row.type, row.api_id or row.entity_name, row.execution_order) for row in subscribed(account)}
    assert ("PRE_REQUEST", PATIENTS, 7) in shown
    assert {(kind, target) for kind, target, _ in shown} == {
        ("PRE_REQUEST", PATIENTS),
        ("ADAPT_ENTITY", "device"),
        ("POST_REQUEST", TEMPLATES),
    }
    assert {"templateName": "nurse"} in [row.path_filters for row in subscribed(account)]


def test_filters_of_different_values_are_different_subscriptions(account: Account) -> None:
    first, _ = make(account, api_id=TEMPLATES, path_filters={"templateName": "nurse"})
    second, state = make(account, resource="other", api_id=TEMPLATES, path_filters={"templateName": "day ward"})
    assert (first, second) == tuple(f"PRE_REQUEST {TEMPLATES} {HOOK} sha256:{digest}" for digest in DIGESTS)
    assert len(subscribed(account)) == 2
    account.run_anew()
    account.of(Interceptions).delete(second, state)
    assert [row.path_filters for row in subscribed(account)] == [{"templateName": "nurse"}]
    assert account.of(Interceptions).read(first, {}).id == first


@each_kind
def test_one_that_exists_equal_in_every_part_is_taken_with_no_write(account: Account, kind: str, capsys: Any) -> None:
    id_, _ = make(account, kind)
    account.run_anew()
    account.forget()
    again, state = make(account, kind, "renamed")
    assert again == id_
    assert account.asked() == [f"GET {SEARCH[kind]}"]
    said = capsys.readouterr().err
    assert f"warning: {kind} '{id_}' exists already" in said
    assert (", since 20" in said) == (kind == "interception")
    assert "taken as this resource's. This stack did not make it, so `pulumi destroy` leaves it subscribed" in said
    assert diff(account, state, kind)[0] is False


def test_one_that_exists_with_another_order_gets_ours_and_that_is_said(account: Account, capsys: Any) -> None:
    make(account, execution_order=5)
    account.run_anew()
    _, state = make(account, execution_order=9)
    assert orders(account, HOOK) == [9]
    assert " with order 5, now 9: taken as this resource's" in capsys.readouterr().err
    assert diff(account, state, execution_order=9)[0] is False


@pytest.mark.parametrize("variant", ["conflict", "bad-request", "accepted"])
def test_a_subscription_that_somebody_made_meanwhile_is_ours_however_the_platform_answers(
    account: Account, variant: str
) -> None:
    account.platform.contract_variants.set(repeated_notifications=variant)
    make(account, "notification")
    empty: dict[str, Any] = {"data": [], "metadata": {}}
    account.platform.faults.add(status=200, json=empty, method="GET", path="/notifications$")
    id_, _ = make(account, "notification")
    assert id_ == f"patient _create {HOOK}"
    assert len(subscribed(account, "notification")) == 1


def test_a_refused_name_is_reported_with_the_nearest_one(account: Account) -> None:
    details = {"invalidApiId": "POST/organization/v1/user/patients", "validApiIds": ["GET/device/v2/devices", PATIENTS]}
    account.platform.faults.add(status=400, code="INVALID_API_ID", details=details, path="/interceptions/subscribe")
    said = error_of(lambda: make(account, api_id="POST/organization/v1/user/patients"))
    assert said.startswith(f"subscribe '{HOOK}' as an interception: the platform answered 400 INVALID_API_ID")
    assert uncoded(said).endswith(f"What to do: check api_id; did you mean '{PATIENTS}'?")


# -- what changes how


@pytest.mark.parametrize(
    ("then", "replaces"),
    [
        ({"type": "POST_REQUEST"}, ["type"]),
        ({"endpoint": ELSEWHERE}, ["endpoint"]),
        ({"api_id": TEMPLATES}, ["api_id"]),
        ({"api_id": TEMPLATES, "path_filters": {"templateName": "nurse"}}, ["path_filters", "api_id"]),
        ({"execution_order": 8}, []),
        ({"entity_name": "caregiver"}, []),
    ],
)
def test_a_part_of_the_identity_is_subscribed_anew_first_and_the_rest_changes_in_place(
    account: Account, then: dict[str, Any], replaces: list[str]
) -> None:
    _, state = make(account, execution_order=5)
    assert diff(account, state, **{"execution_order": 5, **then}) == (True, replaces, False)


def test_the_entity_of_an_adapter_is_its_identity(account: Account) -> None:
    _, state = make(account, **ADAPT, api_id=None)
    assert diff(account, state, **ADAPT, api_id=None) == (False, [], False)
    assert diff(account, state, **{**ADAPT, "entity_name": "patient"}, api_id=None) == (True, ["entity_name"], False)
    unknown = {**ADAPT, "endpoint": Unknown(), "execution_order": Unknown()}
    assert diff(account, state, **unknown, api_id=None) == (True, ["endpoint"], False)


@pytest.mark.parametrize("part", ["entity_type_name", "action_name", "endpoint", "template_name"])
def test_any_change_of_a_notification_is_a_new_one_made_first(account: Account, part: str) -> None:
    _, state = make(account, "notification")
    assert diff(account, state, "notification", **{part: "other"}) == (True, [part], False)
    assert diff(account, state, "notification", **{part: Unknown()}) == (True, [part], False)


def test_a_new_order_is_one_post_after_a_look_with_no_gap(account: Account) -> None:
    id_, state = make(account, execution_order=5)
    inputs = account.inputs(Interceptions, **PRE, execution_order=8)
    account.forget()
    after = account.of(Interceptions).update(id_, state, inputs).outs
    assert account.asked() == [f"GET {SEARCH['interception']}", f"POST {SEARCH['interception']}/subscribe"]
    assert orders(account, HOOK) == [8]
    assert diff(account, after, execution_order=8) == (False, [], False)


def test_an_order_that_the_platform_moved_or_gave_is_no_change(account: Account) -> None:
    id_, state = make(account, execution_order=5)
    account.api.subscribe_interception({"type": "PRE_REQUEST", "apiId": PATIENTS, "entityName": "patient",
                                        "endpoint": ELSEWHERE, "executionOrder": 5})  # fmt: skip
    assert orders(account, HOOK) == [6]
    read = account.of(Interceptions).read(id_, state)
    assert read.outs == state
    assert read.inputs == account.inputs(Interceptions, **PRE, execution_order=5)
    assert diff(account, read.outs, execution_order=5) == (False, [], False)
    assert diff(account, state) == (False, [], False), "an order that is no longer declared stays"
    id_, state = make(account, type="POST_REQUEST")
    assert account.of(Interceptions).read(id_, state).outs == state
    assert "execution_order" not in state


def test_a_subscription_that_is_gone_reads_as_nothing_and_is_unsubscribed(account: Account) -> None:
    for kind, (provider, _) in KINDS.items():
        id_, state = make(account, kind)
        account.run_anew()
        account.of(provider).delete(id_, state)
        assert (account.of(provider).read(id_, state).id, subscribed(account, kind)) == ("", [])
        account.of(provider).delete(id_, state)


# -- what another resource declares


@each_kind
def test_what_another_resource_of_the_run_took_over_stays_subscribed(account: Account, kind: str, capsys: Any) -> None:
    id_, state = make(account, kind)
    account.run_anew()
    make(account, kind, "renamed")
    account.of(KINDS[kind][0]).delete(id_, state)
    assert len(subscribed(account, kind)) == 1
    assert f"{id_!r} stays subscribed: resource 'renamed' declares it" in capsys.readouterr().err


@each_kind
def test_a_replaced_subscription_ends(account: Account, kind: str) -> None:
    id_, state = make(account, kind)
    account.run_anew()
    make(account, kind, endpoint=ELSEWHERE)
    account.of(KINDS[kind][0]).delete(id_, state)
    assert (subscribed(account, kind), len(subscribed(account, kind, ELSEWHERE))) == ([], 1)


# -- reading by id


def test_a_get_reads_an_interception_by_its_id(account: Account) -> None:
    given: dict[str, Any] = {"api_id": TEMPLATES, "path_filters": {"templateName": "day ward"}, "execution_order": 4}
    id_, state = make(account, **given)
    read = account.of(Interceptions).read(id_, {"__owner": "shop/dev/mine"})
    assert read.id == id_
    assert read.outs == state
    adapter, _ = make(account, **{**ADAPT, "endpoint": "https://hooks.acme.example/a?b=c&d=%20e"}, api_id=None)
    outs = account.of(Interceptions).read(adapter, {}).outs
    assert (outs["entity_name"], outs["endpoint"]) == ("device", "https://hooks.acme.example/a?b=c&d=%20e")


def test_a_get_reads_a_notification_by_its_id(account: Account) -> None:
    id_, state = make(account, "notification", template_name="night nurse")
    assert id_ == f"patient _create {HOOK} night%20nurse"
    assert account.of(Notifications).read(id_, {"__owner": "shop/dev/mine"}).outs == state
    absent = f"patient _create {HOOK}"
    said = error_of(lambda: account.of(Notifications).read(absent, {}))
    assert said.startswith(f"read notification {absent!r}: there is none on this platform")


@pytest.mark.parametrize("id_", ["", "PRE_REQUEST", f"PRE_REQUEST {PATIENTS}", f"PRE_REQUEST {PATIENTS} {HOOK} nurse"])
def test_an_invalid_id_is_reported_with_its_form(account: Account, id_: str) -> None:
    said = error_of(lambda: account.of(Interceptions).read(id_, {}))
    assert said.startswith(f"read interception {id_!r}: the id must be <type> <api_id or entity_name> <endpoint>")
    said = error_of(lambda: account.of(Notifications).read("patient _create", {}))
    assert "the id must be <entity_type_name> <action_name> <endpoint> [<template_name>]" in said


@pytest.mark.parametrize("shown", [True, False])
def test_a_placeholder_shown_as_its_value_is_the_same_subscription(account: Account, shown: bool) -> None:
    nurse = f"{PATIENTS}/templates/nurse"
    split = {"api_id": TEMPLATES, "path_filters": {"templateName": "nurse"}}
    id_, state = make(account, **({"api_id": nurse} if shown else split))
    row = {"type": "PRE_REQUEST", "endpoint": HOOK, "executionOrder": 1, "entityName": "patient"}
    row |= {"apiId": TEMPLATES, "pathFilters": {"templateName": "nurse"}} if shown else {"apiId": nurse}
    page = {"data": [row], "metadata": {"page": {"totalResults": 1}}}
    account.platform.faults.add(status=200, json=page, path="/interceptions$")
    assert account.of(Interceptions).read(id_, state).id == id_


def test_where_the_search_takes_no_endpoint_all_subscriptions_are_read(account: Account) -> None:
    id_, state = make(account)
    account.platform.faults.add(status=400, code="BAD_REQUEST", method="GET", path="/interceptions$")
    assert account.of(Interceptions).read(id_, state).id == id_


# -- unclear outcomes


@each_kind
@pytest.mark.parametrize("fault", FAULTS)
def test_create_ends_subscribed_or_is_refused(account: Account, kind: str, fault: str) -> None:
    account.platform.faults.add(**FAULTS[fault], method="POST", path="/subscribe")
    said = attempt(lambda: make(account, kind))
    needed = {"interception": "HOOKS_INTERCEPTION_*", "notification": "DISPATCHER_SUBSCRIPTIONS_*"}[kind]
    refused = fault == "403"
    assert (said is not None and f"role the {needed} permissions" in said) if refused else said is None
    assert len(subscribed(account, kind)) == (0 if refused else 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_new_order_ends_in_place_or_is_refused(account: Account, fault: str) -> None:
    id_, state = make(account, execution_order=5)
    inputs = account.inputs(Interceptions, **PRE, execution_order=8)
    account.platform.faults.add(**FAULTS[fault], method="POST", path="/subscribe")
    said = attempt(lambda: account.of(Interceptions).update(id_, state, inputs))
    assert (said is not None and "403 ACCESS_DENIED" in said) if fault == "403" else said is None
    assert orders(account, HOOK) == [5 if fault == "403" else 8]


@each_kind
@pytest.mark.parametrize("fault", FAULTS)
def test_delete_ends_unsubscribed_or_is_refused(account: Account, kind: str, fault: str) -> None:
    id_, state = make(account, kind)
    account.run_anew()
    account.platform.faults.add(**FAULTS[fault], method="POST", path="/unsubscribe")
    said = attempt(lambda: account.of(KINDS[kind][0]).delete(id_, state))
    assert (said is not None and "403 ACCESS_DENIED" in said) if fault == "403" else said is None
    assert len(subscribed(account, kind)) == (1 if fault == "403" else 0)


@each_kind
def test_what_never_gets_through_says_so(account: Account, kind: str) -> None:
    account.platform.faults.add("internal-error", method="POST", path="/subscribe", times=None)
    id_ = {"interception": f"PRE_REQUEST {PATIENTS} {HOOK}", "notification": f"patient _create {HOOK}"}[kind]
    said = error_of(lambda: make(account, kind))
    assert f"{kind} '{id_}' was not found there afterwards as declared" in said
    account.platform.faults.clear()
    _, state = make(account, kind)
    account.run_anew()
    account.platform.faults.add("internal-error", method="POST", path="/unsubscribe", times=None)
    said = error_of(lambda: account.of(KINDS[kind][0]).delete(id_, state))
    assert f"{kind} '{id_}' is still there" in said


def test_an_endpoint_of_more_subscriptions_than_a_page_holds_is_found(account: Account) -> None:
    for number in range(3):
        make(account, "notification", template_name=f"t{number}")
    account.of(Notifications)
    rows = [
        {"entityTypeName": "patient", "actionName": "_create", "endpoint": HOOK, "templateName": f"x{number}"}
        for number in range(100)
    ]
    page = {"data": rows, "metadata": {"page": {"totalResults": 101, "page": 0, "limit": 100}}}
    last = {"data": [{**rows[0], "templateName": "last"}], "metadata": page["metadata"]}
    account.platform.faults.add(status=200, json=page, path="/notifications$")
    account.platform.faults.add(status=200, json=last, path="/notifications$")
    id_ = f"patient _create {HOOK} last"
    assert account.of(Notifications).read(id_, {}).id == id_


@pytest.mark.parametrize(
    ("kind", "operation"),
    [(kind, operation) for kind in KINDS for operation in ("diff", "read", "delete")] + [("interception", "update")],
)
def test_another_platform_is_refused_where_the_subscription_is_not(account: Account, kind: str, operation: str) -> None:
    id_, state = make(account, kind)
    elsewhere = {**state, "__platform": "https://api.prod.acme.example"}
    account.run_anew()
    provider = account.of(KINDS[kind][0])
    act: Callable[..., Any] = {
        "diff": lambda: provider.diff(id_, elsewhere, state),
        "read": lambda: provider.read(id_, elsewhere),
        "update": lambda: provider.update(id_, elsewhere, state),
        "delete": lambda: provider.delete(id_, elsewhere),
    }[operation]
    act()  # an address where it is there is the same platform under another name
    if operation != "delete":
        provider.delete(id_, state)
    said = error_of(act)
    assert said.startswith(
        f"{'compare' if operation == 'diff' else operation} {kind} {id_!r}: this stack deployed it to"
    )


@each_kind
def test_a_refresh_searches_an_endpoint_once_and_what_it_lacks_again(account: Account, kind: str) -> None:
    provider, given = KINDS[kind]
    varied = "api_id" if kind == "interception" else "action_name"
    states = [
        account.create(provider, account.inputs(provider, f"r{number}", **{**given, varied: value}))
        for number, value in enumerate(SEVERAL[kind])
    ]
    account.run_anew()
    account.forget()

    def read() -> list[str]:
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(lambda made: account.of(provider).read(*made).id, states))

    assert read() == [id_ for id_, _ in states]
    assert account.asked() == [f"GET {SEARCH[kind]}"]

    account.of(provider).delete(*states[0])
    account.forget()
    assert read() == ["", *(id_ for id_, _ in states[1:])]
    assert len(account.asked()) <= 2
