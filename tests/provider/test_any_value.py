"""Any value at any argument of any kind is refused by the argument's name, or accepted: never a defect."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from datetime import UTC, date, datetime
from typing import Any

import grpc
import pulumi
import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from biot_provider.config import Settings
from biot_provider.image import kind as image
from biot_provider.lifecycle.connection import Connection
from biot_provider.plugin.schedule import PATTERN, next_runs, schedule_problem
from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.provider.image import PluginImageProvider
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.plugin import PluginProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

CANARY = f"c{secrets.token_hex(8)}"
UUID = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
API = "POST/organization/v1/users/patients"
HOOK = "https://hooks.acme.example/biot"
EMBEDDED = Settings("embedded")
REAL = Settings("https://api.dev.acme.example", "id", "key")

FIELDS = ("minutes", "hours", "day of month", "month", "day of week", "year")
SECRET = frozenset({"environment_variables", "build_args", "keepers", "path_filters"})
PATHS = frozenset({"code", "context", "dockerfile"})
GOOD: dict[type[DynamicProvider], dict[str, list[Any]]] = {
    PluginProvider: {
        "name": ["guard"],
        "display_name": ["Guard", "Ümläut 日本"],
        "version": [1, 2.0, "3"],
        "code": ["code", "."],
        "image_tag": ["guard-1"],
        "runtime": ["nodejs24.x", "nodejs16.x", "provided.al2023"],
        "handler": ["index.handler", "a/b.c"],
        "timeout": [3, 30.0, "900"],
        "memory_size": [128],
        "ephemeral_storage": [512],
        "environment_variables": [{}, {"MODE": "strict"}, {"MODE": Unknown()}],
        "subscriptions": [
            {},
            {"interceptions": [{"type": "PRE_REQUEST", "api_id": API, "order": 4.0}], "interception_order": 2},
            {"interceptions": [{"type": "ADAPT_ENTITY", "entityTypeName": "device"}]},
            {"notifications": [{"entity_type_name": "patient", "action_name": Unknown()}]},
        ],
        "enabled_state": ["DISABLED"],
        "cron_schedule": ["0 8 ? * MON-FRI *", "0 8 ? * L-3 *"],
        "analytics_db_access": [True, "true"],
        "cors": [{}, {"allow_methods": ["GET"], "allow_origins": ["*"]}],
        "adopt": [True],
    },
    PluginImageProvider: {
        "name": ["wave"],
        "context": ["code"],
        "dockerfile": ["code/Dockerfile"],
        "target": ["run"],
        "build_args": [{"TOKEN": "x"}, {"TOKEN": Unknown()}],
        "builder": ["podman"],
        "code": ["code"],
        "base_image": ["public.ecr.aws/lambda/python:3.13"],
        "handler": ["index.handler"],
    },
    ServiceUserProvider: {
        "name": ["ci"],
        "role_id": [UUID],
        "type": ["EXTERNAL_SERVICE"],
        "active": [False],
        "owner_organization_id": [UUID],
        "access_token_expiration_in_minutes": [5, 5.0],
        "secret_key_expiration_in_minutes": ["5"],
    },
    ServiceUserKeyProvider: {"service_user_id": [UUID], "keepers": [{"month": "May"}, {"a": [{"b": 1.5}]}]},
    InterceptionSubscriptionProvider: {
        "type": ["PRE_REQUEST", "ADAPT_ENTITY"],
        "endpoint": [HOOK],
        "api_id": [API, f"{API}/templates/{{templateName}}"],
        "entity_name": ["patient"],
        "path_filters": [{"templateName": "nurse"}],
        "execution_order": [1, 2.0],
    },
    NotificationSubscriptionProvider: {
        "entity_type_name": ["patient"],
        "action_name": ["_create"],
        "endpoint": [HOOK],
        "template_name": ["nurse"],
    },
}
NAMES = sorted({name for kind in GOOD.values() for name in kind} | {"apiId", "order", "interceptions", "allow_origins"})

texts = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    [
        "\ud800",
        "\0",
        "a\udcffb",
        "x" * 5000,
        "h" * 300 + ".handler",
        "a/" * 3000,
        "nan",
        "1" * 5000,
        "${x}",
        "{{}}",
        "a.b",
        "[0]",
        "\n",
    ]
)
leaves = (
    texts
    | st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400), 2**63, 10**300])
    | st.floats()
    | st.binary(max_size=4)
    | st.builds(Unknown)
    | st.sampled_from(
        [date(2026, 1, 1), {1, 2}, pulumi.StringAsset("x"), pulumi.FileArchive("code"), Unknown, object()]
    )
)
keys = texts | st.sampled_from(NAMES) | st.integers() | st.binary(max_size=2) | st.none()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
) | st.integers(15, 150).map(lambda levels: nested(levels))


def nested(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def marked(value: Any, level: int = 0) -> Any:
    """The value with the canary in each text; the keys of the first level are no secret."""
    if isinstance(value, str):
        return CANARY + value
    if isinstance(value, bytes):
        return CANARY.encode() + value
    if isinstance(value, dict) and level < 40:
        return {marked(k, level) if level else k: marked(v, level + 1) for k, v in value.items()}
    return [marked(item, level + 1) for item in value] if isinstance(value, list) and level < 40 else value


def within(value: Any) -> Any:
    """A path that stays in the test's own folder."""
    return "x" + value if isinstance(value, str) and (".." in value or value.startswith(("/", "~"))) else value


endpoints = st.builds(
    lambda form, text: form.format(CANARY + text),
    st.sampled_from(
        [
            *(
                "https://{}@host.example",
                "https://u:{}@host.example",
                "https:u:{}@host.example",
                "https://u:{}@[nowhere",
            ),
            *(
                "https://host.example/{}",
                "https://host.example?{}",
                "https://host.example#{}",
                "//u:{}@host",
                "u:{}@host",
            ),
            *("https://u%3A{}%40host.example", "http://host.example/{}", "https:\\\\u:{}@host.example", "https://[{}"),
            *("https://host.example:{}", "https://host.example:0/{}", "https://10.0.0.1/{}", " https://u:{}@h.example"),
        ]
    ),
    texts,
)


def anything(name: str, good: list[Any]) -> st.SearchStrategy[Any]:
    """Any value for an argument, and now and then a good one."""
    if name in SECRET:
        return values.map(marked) | st.dictionaries(st.sampled_from(["MODE", "PATH", "x", "\ud800"]), values).map(
            marked
        )
    if name in PATHS:
        return values.map(within) | st.sampled_from(good)
    if name == "endpoint":
        return endpoints | values.map(marked)
    if name == "cron_schedule":
        return st.from_regex(PATTERN, fullmatch=True) | values
    return values | st.sampled_from(good)


@st.composite
def arguments(draw: st.DrawFn, kind: type[DynamicProvider]) -> dict[str, Any]:
    """Good arguments, some left out, and a few of any value; sometimes one that there is not."""
    good = GOOD[kind]
    chosen = draw(st.sets(st.sampled_from(sorted(good)), min_size=1))
    drawn = {name: draw(st.sampled_from(good[name])) for name in sorted(chosen)}
    for name in sorted(draw(st.sets(st.sampled_from(sorted(good)), max_size=3))):
        drawn[name] = draw(anything(name, good[name]))
    if draw(st.integers(0, 9)) == 0:
        drawn[draw(texts.filter(lambda text: text and not text.startswith("__")))] = marked(draw(values))
    return drawn


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A project's folder with some code; no builder is on the path."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "code").mkdir()
    (folder / "code" / "index.js").write_text("exports.handler = async () => ({})\n")
    (folder / "code" / "Dockerfile").write_text("FROM scratch\n")
    with ExitStack() as stack:
        stack.enter_context(chdir(folder))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PATH", str(folder))
        yield
    image._builder_problems.cache_clear()  # it holds for a process


def provider(kind: type[DynamicProvider], connection: Settings) -> Any:
    made: Any = kind()
    made.connect(Connection(connection))
    return made


def over_the_wire(properties: dict[str, Any]) -> dict[str, Any]:
    """As the engine gets properties from a provider and gives them to another call."""
    message = asyncio.run(rpc.serialize_properties(properties, {}))
    read = rpc.deserialize_properties(Struct.FromString(message.SerializeToString()), True)
    return dict(revealed(read))


def revealed(value: Any) -> Any:
    """What the engine hands on: secrets without their marks."""
    if rpc.is_rpc_secret(value):
        return revealed(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


def printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name[:60])


def holds_unknown(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(holds_unknown, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unknown)


def refused_by_name_or_kept(kind: type[DynamicProvider], given: dict[str, Any], connection: Settings) -> None:
    resource = provider(kind, connection)
    result = resource.check({}, given | {"__owner": "shop/dev/it"})
    for failure in result.failures:
        assert failure.property == ""
        assert failure.reason.isprintable()
        assert CANARY not in failure.reason
        assert any(failure.reason.startswith(printable(name)) for name in [*given, *GOOD[kind]]), failure.reason
    if result.failures:
        return
    inputs = over_the_wire(result.inputs)
    shown = {
        "version": 1,
        "deployment_package_type": "IMAGE" if inputs.get("image_tag") else "ZIP",
        "digest": "sha256:1",
    }
    state = over_the_wire(shown | result.inputs | {"__platform": connection.base_url})
    if not holds_unknown(inputs):
        for again in (inputs, over_the_wire(resource.check(inputs, inputs).inputs)):
            diff = resource.diff("it", state, again)
            assert (diff.changes, diff.replaces) == (False, [])
    else:
        resource.diff("it", {key: value for key, value in state.items() if not holds_unknown(value)}, inputs)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("connection", [EMBEDDED, REAL], ids=["embedded", "real"])
def test_any_value_is_refused_by_name_or_accepted(kind: type[DynamicProvider], connection: Settings) -> None:
    @given(arguments(kind))
    def check(given: dict[str, Any]) -> None:
        refused_by_name_or_kept(kind, given, connection)

    check()


@given(st.from_regex(PATTERN, fullmatch=True) | texts)
def test_any_schedule_is_refused_or_has_its_runs(text: str) -> None:
    problem = schedule_problem(text)
    if problem is None:
        assert next_runs(text, datetime(1970, 1, 1, tzinfo=UTC))
    else:
        assert problem.startswith(("must", "exactly", "names", "is not", "never", *FIELDS))


def test_any_value_gets_the_same_answer_over_the_engines_own_way() -> None:
    """The values that a program can send, to a provider's process: what comes back is a problem by name each time."""
    sent: list[tuple[type[DynamicProvider], dict[str, Any], str]] = [
        (PluginProvider, {"name": "guard", "cors": {"a.b": 1}}, "cors.a.b: unknown argument"),
        (PluginProvider, {"name": "a\0b"}, "name: must not hold a NUL"),
        (PluginProvider, {"name": "guard", "code": "\0"}, "code: must not hold a NUL"),
        (PluginProvider, {"name": "guard", "timeout": float("nan")}, "timeout: must be a finite number, not nan"),
        (PluginProvider, {"name": "guard", "cors": nested(24)}, "cors: must not be nested deeper than 20 levels"),
        (PluginProvider, {"name": "guard", "cron_schedule": "0 8 ? * L-3 *"}, "cron_schedule: day of week must be"),
        (PluginImageProvider, {"name": "wave", "context": "\0"}, "context: must not hold a NUL"),
        (ServiceUserProvider, {"name": ["ci"], "role_id": UUID, "type": "EXTERNAL_SERVICE"}, "name: must be a string"),
        (ServiceUserKeyProvider, {"service_user_id": UUID, "keepers": {"a": float("inf")}}, "keepers.a: must be a fin"),
        (
            InterceptionSubscriptionProvider,
            {"type": "ADAPT_ENTITY", "entity_name": "x", "endpoint": [HOOK]},
            "endpoint",
        ),
        (
            NotificationSubscriptionProvider,
            {"entity_type_name": "x", "action_name": {}, "endpoint": HOOK},
            "action_name",
        ),
    ]
    command = [sys.executable, "-u", "-m", "pulumi.dynamic"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            calls = provider_pb2_grpc.ResourceProviderStub(channel)
            calls.Configure(provider_pb2.ConfigureRequest(args=message({"biot:baseUrl": "embedded"})))
            for kind, given, problem in sent:
                news = message(given | {"__provider": serialize_provider(kind()), "__owner": "shop/dev/it"})
                (failure,) = calls.Check(provider_pb2.CheckRequest(news=news)).failures
                assert failure.reason.startswith(problem)
        process.kill()


def message(values: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct
