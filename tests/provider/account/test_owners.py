"""Whose a subscription is: only what this stack made is ended, whatever was killed, remade or taken meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown

from biot_provider.api.endpoints import subscription_secrets
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider as Interceptions
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider as Notifications
from biot_provider.subscription.ids import id_of
from biot_provider.subscription.model import NotificationSubscriptionState

if TYPE_CHECKING:
    from ..conftest import Account

pytestmark = pytest.mark.usefixtures("sleeps")

HOOK = "https://hooks.acme.example/biot"
PATIENTS = "POST/organization/v1/users/patients"
TEMPLATES = f"{PATIENTS}/templates/{{templateName}}"
PRE: dict[str, Any] = {"type": "PRE_REQUEST", "api_id": PATIENTS, "entity_name": "patient", "endpoint": HOOK}
TOLD: dict[str, Any] = {"entity_type_name": "patient", "action_name": "_create", "endpoint": HOOK}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "interception": (Interceptions, PRE),
    "notification": (Notifications, TOLD),
}
EVIDENCE = ("__id", "__created", "__taken")
WIRE: dict[str, dict[str, Any]] = {
    "interception": {"type": "PRE_REQUEST", "apiId": PATIENTS, "entityName": "patient", "endpoint": HOOK},
    "notification": {"entityTypeName": "patient", "actionName": "_create", "endpoint": HOOK},
}

each_kind = pytest.mark.parametrize("kind", KINDS)


def make(account: Account, kind: str, **given: Any) -> tuple[str, dict[str, Any]]:
    """A resource's id and state, made in a run of its own."""
    provider, arguments = KINDS[kind]
    made = account.create(provider, account.inputs(provider, **{**arguments, **given}))
    account.run_anew()
    return made


def rows(account: Account, kind: str) -> list[Any]:
    return list(
        account.api.search_interceptions({}) if kind == "interception" else account.api.search_notifications({})
    )


def by_hand(account: Account, kind: str, endpoint: str = HOOK) -> None:
    """Somebody else subscribes the same."""
    body = {**WIRE[kind], "endpoint": endpoint}
    (account.api.subscribe_interception if kind == "interception" else account.api.subscribe_notification)(body)


def end(account: Account, kind: str, endpoint: str = HOOK) -> None:
    """Somebody else ends it."""
    body = {**WIRE[kind], "endpoint": endpoint}
    (account.api.unsubscribe_interception if kind == "interception" else account.api.unsubscribe_notification)(body)


def remake(account: Account, kind: str, endpoint: str = HOOK) -> None:
    """Somebody else ends it and subscribes the same anew."""
    end(account, kind, endpoint)
    by_hand(account, kind, endpoint)


def destroy(account: Account, kind: str, id_: str, state: dict[str, Any]) -> int:
    """How many there are after a destroy in a run of its own."""
    account.run_anew()
    account.of(KINDS[kind][0]).delete(id_, state)
    return len(rows(account, kind))


def refresh(account: Account, kind: str, id_: str, state: dict[str, Any]) -> Any:
    account.run_anew()
    return account.of(KINDS[kind][0]).read(id_, state)


@each_kind
def test_what_this_stack_made_is_ended(account: Account, kind: str) -> None:
    id_, state = make(account, kind)
    state = refresh(account, kind, id_, state).outs
    assert destroy(account, kind, id_, state) == 0


@each_kind
def test_what_was_there_before_is_taken_and_stays_when_the_stack_goes(account: Account, kind: str, capsys: Any) -> None:
    by_hand(account, kind)
    id_, state = make(account, kind)
    state = refresh(account, kind, id_, state).outs
    account.forget()
    capsys.readouterr()
    assert destroy(account, kind, id_, state) == 1
    assert [entry for entry in account.asked() if entry.startswith("POST")] == []
    said = capsys.readouterr().err
    assert f"warning: {kind} '{id_}' stays subscribed: this stack did not make the one that exists" in said
    assert said.count("\n") == 1


@each_kind
def test_what_somebody_has_subscribed_anew_stays_when_the_stack_goes(account: Account, kind: str, capsys: Any) -> None:
    id_, state = make(account, kind)
    remake(account, kind)
    assert destroy(account, kind, id_, state) == 1
    assert (
        f"warning: {kind} '{id_}' stays subscribed: this stack did not make the one that exists"
        in capsys.readouterr().err
    )


@each_kind
def test_a_refresh_says_once_that_somebody_has_subscribed_it_anew(account: Account, kind: str, capsys: Any) -> None:
    id_, state = make(account, kind)
    remake(account, kind)
    told = f"warning: {kind} '{id_}' has ended and was subscribed anew by somebody else"
    for count in (1, 0):
        read = refresh(account, kind, id_, state)
        state = read.outs
        assert capsys.readouterr().err.count(told) == count
    assert not set(EVIDENCE) & set(read.inputs)
    assert destroy(account, kind, id_, state) == 1


@each_kind
def test_one_that_was_taken_and_ended_is_made_by_this_stack_the_next_time(account: Account, kind: str) -> None:
    by_hand(account, kind)
    id_, state = make(account, kind)
    end(account, kind)
    assert refresh(account, kind, id_, state).id == ""
    id_, state = make(account, kind)
    assert destroy(account, kind, id_, state) == 0


@each_kind
def test_a_state_of_an_earlier_version_is_destroyed_and_a_refresh_records_the_id_and_time(
    account: Account, kind: str
) -> None:
    id_, state = make(account, kind)
    old = {name: value for name, value in state.items() if name not in EVIDENCE}
    seen = refresh(account, kind, id_, old).outs
    assert seen == state
    assert destroy(account, kind, id_, old) == 0
    id_, state = make(account, kind)
    seen = refresh(account, kind, id_, {name: value for name, value in state.items() if name not in EVIDENCE}).outs
    remake(account, kind)
    assert destroy(account, kind, id_, seen) == 1


def test_a_platform_that_shows_no_ids_is_trusted(account: Account) -> None:
    account.platform.contract_variants.set(notification_ids="hidden")
    id_, state = make(account, "notification")
    state = refresh(account, "notification", id_, state).outs
    account.platform.contract_variants.set(notification_ids="shown")
    assert destroy(account, "notification", id_, state) == 0


@each_kind
@pytest.mark.parametrize("fault", ["gateway-timeout", "reset-after-commit", "reset"])
def test_one_whose_answer_was_lost_is_this_stacks(account: Account, kind: str, fault: str, capsys: Any) -> None:
    account.platform.faults.add(fault, method="POST", path="/subscribe$")
    id_, state = make(account, kind)
    assert "exists already" not in capsys.readouterr().err
    assert destroy(account, kind, id_, state) == 0


@pytest.mark.parametrize("variant", ["conflict", "bad-request"])
def test_one_that_is_met_when_it_is_made_is_somebody_elses(account: Account, variant: str, capsys: Any) -> None:
    account.platform.contract_variants.set(repeated_notifications=variant)
    by_hand(account, "notification")
    account.platform.faults.add(status=200, json={"data": [], "metadata": {}}, method="GET", path="/notifications$")
    id_, state = make(account, "notification")
    assert "exists already" in capsys.readouterr().err
    assert destroy(account, "notification", id_, state) == 1


@each_kind
def test_an_end_that_was_lost_is_not_repeated_on_what_somebody_made_since(
    account: Account, kind: str, sleeps: Any
) -> None:
    id_, state = make(account, kind)
    account.platform.faults.add("gateway-timeout", method="POST", path="/unsubscribe$")
    sleeps.side_effect = lambda seconds: by_hand(account, kind) if seconds else None
    assert destroy(account, kind, id_, state) == 1


@each_kind
def test_a_replacement_by_the_same_subscription_keeps_it_and_that_it_is_this_stacks(
    account: Account, kind: str, capsys: Any
) -> None:
    provider, arguments = KINDS[kind]
    id_, state = make(account, kind)
    inputs = account.inputs(provider, **arguments)
    account.of(provider).diff(id_, state, inputs)
    _, new = account.create(provider, inputs)
    account.of(provider).delete(id_, state)
    assert new == state
    assert len(rows(account, kind)) == 1
    assert "exists already" not in capsys.readouterr().err
    assert destroy(account, kind, id_, new) == 0


def test_two_stacks_with_one_subscription(account: Account) -> None:
    id_, first = make(account, "notification", __owner="shop/dev/mine")
    _, second = make(account, "notification", __owner="shop/other/mine")
    assert destroy(account, "notification", id_, second) == 1
    assert destroy(account, "notification", id_, first) == 0
    assert refresh(account, "notification", id_, second).id == ""


# -- what an update sends


def test_an_update_of_another_part_leaves_an_order_that_the_platform_moved(account: Account) -> None:
    id_, state = make(account, "interception", execution_order=5)
    account.api.subscribe_interception({**WIRE["interception"], "endpoint": f"{HOOK}/2", "executionOrder": 5})
    inputs = account.inputs(Interceptions, **{**PRE, "entity_name": "caregiver", "execution_order": 5})
    state = account.of(Interceptions).update(id_, state, inputs).outs
    (row,) = [row for row in rows(account, "interception") if row.endpoint == HOOK]
    assert (row.entity_name, row.execution_order) == ("caregiver", 6)
    assert account.of(Interceptions).diff(id_, state, inputs).changes is False
    assert destroy(account, "interception", id_, state) == 1


def test_an_update_creates_one_that_is_gone_and_reports_that_a_remade_one_exists(account: Account, capsys: Any) -> None:
    id_, state = make(account, "interception", execution_order=5)
    inputs = account.inputs(Interceptions, **PRE, execution_order=7)
    remake(account, "interception")
    taken = account.of(Interceptions).update(id_, state, inputs).outs
    assert "exists already" in capsys.readouterr().err
    assert [row.execution_order for row in rows(account, "interception")] == [7]
    account.api.unsubscribe_interception(WIRE["interception"])
    made = account.of(Interceptions).update(id_, taken, account.inputs(Interceptions, **PRE, execution_order=8)).outs
    assert [row.execution_order for row in rows(account, "interception")] == [8]
    assert destroy(account, "interception", id_, made) == 0


@pytest.mark.parametrize("part", ["type", "endpoint", "api_id", "path_filters"])
def test_a_part_of_an_interceptions_identity_that_is_not_known_yet_replaces(account: Account, part: str) -> None:
    _, state = make(account, "interception")
    inputs = {"__owner": "shop/dev/mine", **PRE}
    result = account.of(Interceptions).diff("", state, {**inputs, part: Unknown()})
    assert (result.changes, result.replaces) == (True, [part])
    result = account.of(Interceptions).diff("", state, {**inputs, "execution_order": Unknown()})
    assert (result.changes, result.replaces) == (True, [])


# -- secrets in an endpoint

KEY = "canary-of-an-endpoint"
SECRET = f"{HOOK}?code={KEY}"


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        (HOOK, HOOK),
        (SECRET, HOOK),
        (f"https://ops:{KEY}@hooks.acme.example/biot", HOOK),
        (f"{HOOK}#{KEY}", HOOK),
        (f"https://hooks.acme.example/T0/{KEY}/biot", "https://hooks.acme.example/T0/.../biot"),
        (f"https://hooks.acme.example//{KEY}", "https://hooks.acme.example//..."),
        ("https://abcdefghijklmnopqrstuvwxyz.lambda-url.acme.example/", None),
        ("https://abcdefghijklmnopqrstuvwxyz.acme.example", None),
    ],
)
def test_what_of_an_endpoint_stands_in_the_id(endpoint: str, shown: str | None) -> None:
    item = NotificationSubscriptionState(entity_type_name="patient", action_name="_create", endpoint=endpoint)
    parts = f"patient _create {shown or endpoint}"
    assert id_of(item) == parts if shown in (endpoint, None) else id_of(item).startswith(f"{parts} sha256:")
    assert KEY not in id_of(item)
    assert [secret for secret in subscription_secrets({"endpoint": endpoint}) if secret in parts] == []


@each_kind
def test_a_secret_of_an_endpoint_is_in_no_id_and_in_no_line(account: Account, kind: str, capsys: Any) -> None:
    id_, state = make(account, kind, endpoint=SECRET)
    assert KEY not in id_
    assert f"{HOOK} sha256:" in id_
    make(account, kind, endpoint=SECRET)
    account.platform.faults.add(
        status=400, code="X", details={"endpoint": f"{SECRET}2"}, method="POST", path="/hooks/", times=None
    )
    lines = []
    for act in (
        lambda: destroy(account, kind, id_, state),
        lambda: make(account, kind, endpoint=f"{SECRET}2"),
        lambda: refresh(
            account, kind, id_, {**state, "__platform": "https://api.prod.acme.example", "endpoint": f"{SECRET}3"}
        ),
        lambda: refresh(account, kind, f"{id_.partition(HOOK)[0]}{SECRET}2", {}),
        lambda: refresh(account, kind, f"{SECRET} x", {}),
    ):
        with pytest.raises(Exception, match=r"BioT|subscribe|read") as error:
            act()
        assert "a defect of" not in str(error.value)
        lines.append(str(error.value))
    account.platform.faults.clear()
    remake(account, kind, SECRET)
    assert refresh(account, kind, id_, state).id == id_
    assert destroy(account, kind, id_, state) == 1
    lines.append(capsys.readouterr().err)
    assert [line for line in lines if KEY in line] == []


def test_filters_values_are_in_no_id(account: Account) -> None:
    id_, state = make(account, "interception", api_id=TEMPLATES, path_filters={"templateName": KEY})
    assert KEY not in id_
    assert refresh(account, "interception", id_, {"__owner": "shop/dev/x"}).outs["path_filters"] == {
        "templateName": KEY
    }
    assert destroy(account, "interception", id_, state) == 0


@each_kind
def test_a_get_finds_it_by_the_digest_and_by_the_text(account: Account, kind: str) -> None:
    make(account, kind, endpoint=f"{SECRET}-other")
    id_, state = make(account, kind, endpoint=SECRET)
    text = f"{id_.partition(HOOK)[0]}{SECRET}"
    for given in (id_, text):
        read = refresh(account, kind, given, {"__owner": "shop/dev/mine"})
        assert (read.id, {**read.outs, "execution_order": 1}) == (id_, {**state, "execution_order": 1})
    absent = f"{id_.rpartition(':')[0]}:0123456789abcdef"
    with pytest.raises(Exception, match="there is none on this platform"):
        refresh(account, kind, absent, {})


@each_kind
def test_an_id_of_an_earlier_version_stays_valid(account: Account, kind: str) -> None:
    provider, arguments = KINDS[kind]
    new, state = make(account, kind, endpoint=SECRET)
    old = f"{new.partition(HOOK)[0]}{SECRET}"
    inputs = account.inputs(provider, **{**arguments, "endpoint": SECRET})
    assert account.of(provider).diff(old, state, inputs).changes is False
    assert refresh(account, kind, old, state).id == new
    if kind == "interception":
        ordered = account.inputs(provider, **{**arguments, "endpoint": SECRET, "execution_order": 9})
        state = account.of(provider).update(old, state, ordered).outs
    assert destroy(account, kind, old, state) == 0
