"""Secret keys of service users: created, rotated, at the platform's limit, dropped."""

from __future__ import annotations

import gc
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.output import Unknown

from biot_provider.errors import ApiError
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

from ..attempts import attempt, error_of
from ..conftest import plain
from .service_users import FAULTS, ROLE, UNCHANGED, USER, USERS, diff, key, keys, logs_in, user

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Account

pytestmark = pytest.mark.usefixtures("sleeps")


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


def test_an_expired_key_is_reported_without_a_request(account: Account, capsys: Any) -> None:
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
    account.platform.contract_variants.set(max_secret_keys=2)
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
    account.platform.contract_variants.set(max_secret_keys=2)
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
