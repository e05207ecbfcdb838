"""Bad arguments of subscriptions are found before anything is sent, all at once."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
from pulumi.output import Unknown

from biot_provider.config import Settings
from biot_provider.errors import ConfigError
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.subscription.rules import interception_warning, notification_warning

from ..uncoded import uncoded

HOOK = "https://hooks.acme.example/biot"
CANARY = f"c{token_hex(8)}"
PATIENTS = "POST/organization/v1/users/patients"
PRE = {"type": "PRE_REQUEST", "api_id": PATIENTS, "endpoint": HOOK}
NOTIFICATION = {"entity_type_name": "patient", "action_name": "_create", "endpoint": HOOK}
unknown: Callable[[], Any] = Unknown
REAL = Settings("https://api.dev.acme.example", "id", "key")


def connected(kind: type[DynamicProvider], settings: Settings | ConfigError = REAL) -> Any:
    provider = kind()
    provider.connect(Connection(settings))
    return provider


def check(kind: type[DynamicProvider], given: dict[str, Any], settings: Settings = REAL) -> list[str]:
    """What the check reports; no failure names a property, whose value the engine would print."""
    result = connected(kind, settings).check({}, given)
    assert all(failure.property == "" for failure in result.failures)
    return [uncoded(failure.reason) for failure in result.failures]


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"type": "PRE"}, "type: must be 'PRE_REQUEST', 'POST_REQUEST' or 'ADAPT_ENTITY', not 'PRE'"),
        ({"api_id": None}, f"api_id: is required for PRE_REQUEST, such as {PATIENTS}"),
        ({"api_id": "/organization/v1"}, "api_id: must be a method and a path"),
        ({"api_id": "POST"}, "api_id: must be a method and a path"),
        ({"api_id": "post /organization/v1"}, "did you mean 'POST/organization/v1'?"),
        ({"type": "ADAPT_ENTITY", "entity_name": "device"}, "api_id: must be left out for ADAPT_ENTITY"),
        ({"type": "ADAPT_ENTITY", "api_id": None}, "entity_name: is required for ADAPT_ENTITY, such as device"),
        ({"execution_order": 0}, "execution_order: must be 1 to 2147483647, not 0"),
        ({"path_filters": {"name": "nurse"}}, "path_filters.name: must be a placeholder of api_id, it has none"),
        (
            {"api_id": f"{PATIENTS}/templates/{{templateName}}", "path_filters": {"template": "nurse"}},
            "path_filters.template: must be a placeholder of api_id, it has templateName; did you mean 'templateName'?",
        ),
        ({"path_filters": {"templateName": 5.0}, "api_id": "GET/x/{templateName}"}, "must be a string, not a number"),
        ({"order": 3}, "order: unknown argument"),
    ],
)  # fmt: skip
def test_a_bad_argument_of_an_interception_is_reported(given: dict[str, Any], reported: str) -> None:
    (reason,) = check(InterceptionSubscriptionProvider, PRE | given)
    assert reported in reason


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"action_name": None}, "action_name: is required"),
        ({"entity_type_name": ""}, "entity_type_name: must not be empty"),
        ({"entity_name": "patient"}, "entity_name: unknown argument; did you mean 'entity_type_name'?"),
        ({"template_name": ""}, "template_name: must not be empty"),
    ],
)
def test_a_bad_argument_of_a_notification_is_reported(given: dict[str, Any], reported: str) -> None:
    (reason,) = check(NotificationSubscriptionProvider, NOTIFICATION | given)
    assert reported in reason


def test_all_problems_come_at_once_each_with_its_path() -> None:
    reported = check(InterceptionSubscriptionProvider, {"type": "PRE_REQUEST", "endpoint": "http://localhost", "x": 1})
    assert [reason.split(":")[0] for reason in reported] == ["api_id", "endpoint", "x"]


PUBLIC = ["https://hooks.acme.example", "https://hooks.acme.example:8443/a?b=c", "https://93.184.216.34/x", HOOK]
NOT_PUBLIC = [
    *("https://localhost/x", "https://LOCALHOST./x", "https://a.localhost", "https://127.0.0.1", "https://127.1"),
    *("https://2130706433/", "https://0x7f.1", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.0.0.8"),
    *("https://192.168.1.5", "https://172.20.0.1:8443", "https://169.254.169.254/", "https://[fe80::1]/", "https://[fd00::1]"),
    *("https://0.0.0.0", "https://100.64.0.1", "https://224.0.0.1", "https://printer.local", "https://api.internal"),
    *("https://intranet/hooks",),
]  # fmt: skip


@pytest.mark.parametrize("endpoint", PUBLIC)
def test_a_public_https_endpoint_is_fine(endpoint: str) -> None:
    assert check(NotificationSubscriptionProvider, NOTIFICATION | {"endpoint": endpoint}) == []


@pytest.mark.parametrize("endpoint", NOT_PUBLIC)
def test_an_endpoint_that_the_platform_cannot_reach_is_reported(endpoint: str) -> None:
    for kind, given in ((NotificationSubscriptionProvider, NOTIFICATION), (InterceptionSubscriptionProvider, PRE)):
        (reason,) = check(kind, given | {"endpoint": endpoint})
        assert reason.startswith("endpoint: must be public, for BioT calls it from outside:")


@pytest.mark.parametrize(
    ("endpoint", "reported"),
    [
        ("http://hooks.acme.example", "must be https: BioT calls no http address"),
        ("ftp://hooks.acme.example", "must be https: BioT calls no ftp address"),
        ("hooks.acme.example", "must be an https address, such as"),
        ("https://", "must be an https address"),
        ("https://hooks.acme.example:0", "must be an https address"),
        ("https://hooks.acme.example:99999", "must be an https address"),
        ("https://[::1", "must be an https address"),
        ("https://hooks acme.example", "must be an https address"),
        ("//hooks.acme.example", "must be an https address"),
        ("https://hooks%2eacme.example", "must be an https address"),
        ("https://hooks.acme.example/\x01", "must be an https address"),
        ("https://" + "h" * 5000 + ":x", "must be an https address"),
        ("https://ho\u2100st.example", "must be an https address"),
        ("https://hooks.acme.example/x#y", "must have no fragment"),
        (7, "must be a string, not a number"),
    ],
)
def test_what_is_no_https_address_is_reported(endpoint: Any, reported: str) -> None:
    (reason,) = check(NotificationSubscriptionProvider, NOTIFICATION | {"endpoint": endpoint})
    assert reason.startswith(f"endpoint: {reported}")


CREDENTIALS = [
    *("https://{}:{}@hooks.acme.example", "https://{}@hooks.acme.example", "https://{}:{}@:1/", "https://{}:{}@[nowhere"),
    *("https:{}:{}@hooks.acme.example", "https:/{}:{}@hooks.acme.example", "https:\\\\{}:{}@hooks.acme.example"),
    *("https://{}%3A{}%40hooks.acme.example", "//{}:{}@hooks.acme.example", "{}:{}@hooks.acme.example"),
    *(" https://{}:{}@hooks.acme.example", "HTTPS://{}:{}@hooks.acme.example", "https://{}\t:{}@hooks.acme.example"),
    *("http://{}:{}@localhost", "https://{}:{}@hooks.acme.example@hooks.acme.example"),
]  # fmt: skip


@pytest.mark.parametrize("settings", [REAL, Settings("embedded")], ids=["real", "embedded"])
@pytest.mark.parametrize("form", CREDENTIALS)
def test_a_user_name_or_password_in_an_endpoint_is_refused_and_not_quoted(form: str, settings: Settings) -> None:
    endpoint = form.format(CANARY, CANARY)
    for kind, given in ((NotificationSubscriptionProvider, NOTIFICATION), (InterceptionSubscriptionProvider, PRE)):
        (reason,) = check(kind, given | {"endpoint": endpoint}, settings)
        assert reason.startswith("endpoint: must not hold a user name or password")
        assert CANARY not in reason


@pytest.mark.parametrize(
    "form",
    [
        *(
            "https://{}/{}@hooks.acme.example",
            "http://{}/{}@hooks.acme.example",
            "https://localhost/{}?{}",
            "http://hooks.acme.example/{}?code={}",
            "https://hooks.acme.example/{}#{}",
        ),
        *("https://hooks.acme.example:0/{}?{}", "https://hooks acme.example/{}?{}", "https://[nowhere/{}?{}"),
        *("https://hooks.acme.example:{}/{}", "hooks.acme.example/{}?{}", "https://u:{}/{}@hooks.acme.example"),
        *(
            "https://hooks.acme.example\\{}?{}",
            "https://hooks.acme.example/\0{}?{}",
            "https://hooks.acme.example/\ud800{}{}",
        ),
    ],
)
def test_the_path_and_the_query_of_an_endpoint_are_never_quoted(form: str) -> None:
    (reason,) = check(NotificationSubscriptionProvider, NOTIFICATION | {"endpoint": form.format(CANARY, CANARY)})
    assert reason.startswith("endpoint: must")
    assert CANARY not in reason


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": [f"https://hooks.acme.example/{CANARY}"]},
        {"endpoint": {CANARY: CANARY}},
        {"endpoint": [{CANARY: f"{CANARY}\0"}]},
        {"path_filters": CANARY},
        {"path_filters": {"templateName": [CANARY]}},
        {"path_filters": {"templateName": {CANARY: 1}}},
    ],
)
def test_no_part_of_an_endpoint_or_a_filter_of_a_wrong_type_is_quoted(given: dict[str, Any]) -> None:
    api = {"api_id": f"{PATIENTS}/templates/{{templateName}}"}
    reported = check(InterceptionSubscriptionProvider, PRE | api | given)
    assert reported
    assert CANARY not in "".join(reported)


@pytest.mark.parametrize("endpoint", ["https://hooks.acme.example/a@b", "https://hooks.acme.example?to=a@b&c=%40"])
def test_an_at_sign_behind_the_host_is_no_password(endpoint: str) -> None:
    assert check(NotificationSubscriptionProvider, NOTIFICATION | {"endpoint": endpoint}) == []


@pytest.mark.parametrize("base_url", ["embedded", "embedded:somewhere", "http://127.0.0.1:8080", "https://localhost"])
def test_for_a_platform_on_this_machine_an_endpoint_may_be_there_too(base_url: str) -> None:
    settings = Settings(base_url, "id", "key")

    def of(endpoint: str) -> list[str]:
        return check(NotificationSubscriptionProvider, NOTIFICATION | {"endpoint": endpoint}, settings)

    for host in ("127.0.0.1:9000", "localhost:9000", "a.localhost", "[::1]:9000", "[::ffff:127.0.0.1]", "127.1"):
        assert of(f"http://{host}/hook") == []
    assert of("https://hooks.acme.example") == []
    for host in (
        "hooks.acme.example",
        "10.0.0.8",
        "0.0.0.0",
        "192.168.1.5:8080",
        "localhost.acme.example",
        "[fd00::1]",
    ):
        (reason,) = of(f"http://{host}/{CANARY}")
        assert reason.startswith("endpoint: must be https: plain http may only go to this machine (localhost), not to")
        assert CANARY not in reason
    assert of("ftp://localhost") == ["endpoint: must be https: BioT calls no ftp address"]


def test_what_is_not_known_yet_is_skipped() -> None:
    later = unknown()
    assert check(InterceptionSubscriptionProvider, dict.fromkeys(PRE, later) | {"execution_order": later}) == []
    assert check(NotificationSubscriptionProvider, NOTIFICATION | {"endpoint": later, "template_name": later}) == []
    (reason,) = check(InterceptionSubscriptionProvider, PRE | {"endpoint": later, "api_id": "nothing"})
    assert reason.startswith("api_id: ")


def test_missing_configuration_is_reported_by_each() -> None:
    kinds = {
        InterceptionSubscriptionProvider: PRE,
        NotificationSubscriptionProvider: NOTIFICATION,
    }
    for kind, given in kinds.items():
        result = connected(kind, ConfigError("biot:baseUrl is not set", "BIOT-1001")).check({}, given)
        assert [uncoded(failure.reason) for failure in result.failures] == ["biot:baseUrl is not set"]


@pytest.mark.parametrize(
    ("entity", "action", "reported"),
    [
        ("patient", "_create", None),
        ("usage-session", "_remoteStart", None),
        ("pateint", "_create", "'pateint' is none that this version knows; did you mean 'patient'?"),
        ("measurement-of-tomorrow", "_create", "is none that this version knows"),
        ("patient", "create", "action_name 'create' is none that this version knows; did you mean '_create'?"),
        ("patient", "CREATE", "did you mean '_create'?"),
        ("organization", "_login", "not known to notify about _login of organization, only about _create, _delete"),
        (unknown(), "_create", None),
    ],
)
def test_a_name_that_is_not_known_is_a_warning_and_never_a_refusal(
    entity: Any, action: str, reported: str | None
) -> None:
    given = NOTIFICATION | {"entity_type_name": entity, "action_name": action}
    warning = notification_warning(given)
    assert (warning is None) if reported is None else (reported in str(warning))
    assert check(NotificationSubscriptionProvider, given) == []


def test_an_interceptions_entity_that_looks_like_a_slip_is_a_warning() -> None:
    adapt = {"type": "ADAPT_ENTITY", "endpoint": HOOK}
    assert interception_warning(adapt | {"entity_name": "device"}) is None
    assert "did you mean 'device'?" in str(interception_warning(adapt | {"entity_name": "devise"}))
    assert interception_warning(adapt | {"entity_name": "measurement"}) is None
    assert check(InterceptionSubscriptionProvider, adapt | {"entity_name": "devise"}) == []


def owned(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return given | {"__owner": f"shop/dev/{name}"}


def test_two_resources_of_one_subscription_are_reported_and_one_checked_twice_is_not(capsys: Any) -> None:
    for kind, given in ((InterceptionSubscriptionProvider, PRE), (NotificationSubscriptionProvider, NOTIFICATION)):
        provider = connected(kind)
        for _ in range(2):
            assert provider.check({}, owned("one", given)).failures == []
        (failure,) = provider.check({}, owned("two", given)).failures
        assert uncoded(failure.reason) == "is the same subscription as resource 'one': leave one out"
    assert capsys.readouterr().err == ""


def test_two_interceptions_at_one_order_are_warned_of_until_one_moves(capsys: Any) -> None:
    provider = connected(InterceptionSubscriptionProvider)
    for name, order in (("one", 5), ("two", 5), ("two", 6), ("three", 5)):
        given = PRE | {"endpoint": f"{HOOK}/{name}", "execution_order": order}
        assert provider.check({}, owned(name, given)).failures == []
    changes: list[tuple[str, dict[str, Any]]] = [("two", {}), ("four", {"execution_order": 6}), ("four", {})]
    for name, moved in changes:
        given = PRE | {"endpoint": f"{HOOK}/{name}"} | moved
        assert provider.check({}, owned(name, given)).failures == []
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(
        f"warning: interceptions 'two' and 'one' both ask for order 5 of PRE_REQUEST {PATIENTS}: the platform gives it"
    )
    assert second.startswith("warning: interceptions 'three' and 'one' both ask for order 5")
