"""Whatever the platform shows of an own-account resource, it can be refreshed, previewed, updated and destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.testing.variants import changes
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

from ..conftest import plain

if TYPE_CHECKING:
    from ..conftest import Account

pytestmark = pytest.mark.usefixtures("sleeps")

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
HOOK = "https://hooks.acme.example/biot"
TEMPLATES = "POST/organization/v1/users/patients/templates/{templateName}"
GIVEN: dict[str, tuple[Any, dict[str, Any]]] = {
    "service-user": (
        ServiceUserProvider,
        {"name": "ci", "role_id": ROLE, "type": "EXTERNAL_SERVICE", "access_token_expiration_in_minutes": 30,
         "secret_key_expiration_in_minutes": 60, "owner_organization_id": "00000000-0000-0000-0000-000000000000"},
    ),
    "secret-key": (ServiceUserKeyProvider, {}),
    "interception": (
        InterceptionSubscriptionProvider,
        {"type": "PRE_REQUEST", "api_id": TEMPLATES, "entity_name": "patient", "endpoint": HOOK,
         "path_filters": {"templateName": "nurse"}, "execution_order": 5},
    ),
    "notification": (
        NotificationSubscriptionProvider,
        {"entity_type_name": "patient", "action_name": "_create", "endpoint": HOOK, "template_name": "nurse"},
    ),
}  # fmt: skip


def row(account: Account, kind: str, id_: str) -> dict[str, Any]:
    """The thing as the platform shows it."""
    path = {"interception": "interceptions", "notification": "notifications"}.get(kind)
    if path:
        (found,) = account.api.probe("GET", f"/dispatcher/v1/hooks/{path}", "look").body["data"]
    else:
        found = account.api.probe("GET", f"/ums/v2/services/{id_.split('/')[0]}", "look").body
    thing: dict[str, Any] = found["secretKeys"][-1] if kind == "secret-key" else found
    return thing


def there(account: Account, kind: str) -> int:
    if kind == "service-user":
        return len(list(account.api.search_service_users({"name": {"eq": "ci"}})))
    if kind == "secret-key":
        (user,) = account.api.search_service_users({"name": {"eq": "ci"}})
        return len(user.secret_keys or ()) - 1
    search = account.api.search_interceptions if kind == "interception" else account.api.search_notifications
    return len(list(search({})))


def made(account: Account, kind: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The id, state and inputs of a resource, alone on the platform."""
    provider, given = GIVEN[kind]
    if kind == "secret-key":
        (user,) = account.api.search_service_users({"name": {"eq": "ci"}})
        given = {"service_user_id": user.id}
    inputs = account.inputs(provider, **given)
    return *account.create(provider, inputs), inputs


def refreshed(provider: Any, id_: str, state: dict[str, Any], inputs: dict[str, Any]) -> tuple[str, Any]:
    """The id and state after a refresh and the next preview: no error, no defect."""
    read = provider.read(id_, state)
    if not read.id:
        return "", state
    state = plain(read.outs)
    diff = provider.diff(read.id, state, inputs)
    return ("replaced" if diff.replaces else "changed" if diff.changes else "same"), state


def variants(account: Account, kind: str, id_: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every change of what is shown; that of the thing as a whole is an unreadable answer, of which others tell."""
    return ((name, change) for name, change in changes(row(account, kind, id_)) if change["at"])


@pytest.mark.parametrize("kind", GIVEN)
def test_whatever_is_shown_it_is_refreshed_previewed_and_destroyed(account: Account, kind: str) -> None:
    if kind == "secret-key":
        made(account, "service-user")
    provider = account.of(GIVEN[kind][0])
    id_, fresh, inputs = made(account, kind)
    outcomes: dict[str, str] = {}
    for name, change in list(variants(account, kind, id_)):
        account.platform.variants.clear()
        account.platform.variants.add(kind, **change)
        outcomes[name], state = refreshed(provider, id_, fresh, inputs)
        account.platform.variants.clear()
        # What was shown wrong once is right again, and still known for what this stack made.
        assert refreshed(provider, id_, state, inputs)[0] == "same", name
        assert state.get("__taken") is None, name
    account.run_anew()
    account.of(GIVEN[kind][0]).delete(id_, fresh)
    assert there(account, kind) == 0
    assert len(outcomes) > 30
    told = {name.partition(":")[0] for name, outcome in outcomes.items() if outcome != "same"}
    assert told == {
        "service-user": {"roleId", "active", "secretKeyExpirationInMinutes", "name", "accessTokenExpirationInMinutes"},
    }.get(kind, set())


def test_what_is_shown_is_no_check_failure_and_nothing_is_sent_when_its_changes_are_ignored(account: Account) -> None:
    provider = account.of(ServiceUserProvider)
    id_, fresh, _ = made(account, "service-user")
    for name, change in list(variants(account, "service-user", id_)):
        account.platform.variants.clear()
        account.platform.variants.add("service-user", **change)
        read = provider.read(id_, fresh)
        state, shown = plain(read.outs), plain(read.inputs)
        checked = provider.check(shown, dict(shown))
        assert checked.failures == [], (name, checked.failures)
        assert provider.diff(id_, state, plain(checked.inputs)).changes is False, name


def test_a_word_of_the_platforms_own_in_what_cannot_change_is_a_line_and_no_replacement(
    account: Account, capsys: Any
) -> None:
    id_, state, inputs = made(account, "service-user")
    account.platform.variants.add("service-user", "type", "EXTERNAL_2")
    outcome, state = refreshed(account.of(ServiceUserProvider), id_, state, inputs)
    assert (outcome, state["type"]) == ("same", "EXTERNAL_2")
    assert (
        "warning: service user 'ci': the platform shows type 'EXTERNAL_2', which is none that this version knows: it is"
        " left as it is, not made 'EXTERNAL_SERVICE'"
    ) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("at", "value"),
    [("active", False), ("roleId", ""), ("roleId", "nurse"), ("secretKeyExpirationInMinutes", "soon")],
)
def test_drift_to_anything_is_shown_and_healed(account: Account, at: str, value: Any) -> None:
    provider = account.of(ServiceUserProvider)
    id_, state, inputs = made(account, "service-user")
    before = row(account, "service-user", id_)
    account.platform.edits.change("service-user", id_, at, value)
    outcome, state = refreshed(provider, id_, state, inputs)
    assert outcome == "changed"
    account.forget()
    healed = plain(provider.update(id_, state, inputs).outs)
    assert account.asked() == [f"GET /ums/v2/services/{id_}", f"PATCH /ums/v2/services/{id_}"]
    assert row(account, "service-user", id_) == before
    assert refreshed(provider, id_, healed, inputs)[0] == "same"


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("answer", [None, [], "UNHEARD_OF", 7])
def test_an_answer_that_is_no_object_is_one_line(account: Account, kind: str, answer: Any) -> None:
    if kind == "secret-key":
        made(account, "service-user")
    id_, state, _ = made(account, kind)
    account.platform.faults.add(status=200, json=answer, method="GET", path="/(ums|dispatcher)/", times=None)
    with pytest.raises(Exception, match="the platform answered 200 with something that is not its answer") as error:
        account.of(GIVEN[kind][0]).read(id_, state)
    assert "a defect of" not in str(error.value)
