"""What is a change and what is not, and the bodies of updates: pure functions, and each variant of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.api.models.wide import is_same_moment
from biot_provider.plugin.body import create_body, update_body
from biot_provider.plugin.model import Cors, PluginInputs, PluginState
from biot_provider.plugin.stamp import SEED, Stamp, code_identity, is_foreign, owner_hash
from biot_provider.plugin.state import (
    CODE,
    UPDATABLE,
    VARIABLES,
    changed_cells,
    changed_fields,
    observed,
    observed_code,
    replacing_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable


VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "plugins.json").read_text())
CREATIONS, UPDATES, ANSWERS = VECTORS["creations"], VECTORS["updates"], VECTORS["answers"]
GIVEN = {
    "endpointUrl": "https://k3v9.lambda-url.eu-west-1.on.aws/",
    "linkToConsole": "https://eu-west-1.console.aws.amazon.com/x",
    "creationTime": "2026-11-20T09:15:02.114Z",
    "lastModifiedTime": "2026-11-20T09:15:02.114Z",
}
SYSTEM = {
    "BIOT_APP_NAME": "Vitals Guard",
    "BIOT_BASE_URL": "https://api.dev.acme.example",
    "BIOT_SERVICE_USER_ID": "0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11",
    "BIOT_SERVICE_USER_SECRET_KEY": "not-a-real-secret",
}


def declared(vector: str, **changes: Any) -> PluginState:
    """The plugin that is wanted, of which a documented creation would come."""
    fields = {key: value for key, value in CREATIONS[vector].items() if key != "deploymentPackageType"}
    return plugin(**fields | {"owner": "p/s/vitals-guard"} | changes)


def plugin(**arguments: Any) -> PluginState:
    """A plugin as check hands it on."""
    return PluginState.model_validate(PluginInputs.model_validate({"name": "guard"} | arguments).model_dump())


def patch(state: PluginState, wanted: PluginState, vector: str, **options: Any) -> dict[str, Any]:
    """The body of the update from this state, the platform showing this answer."""
    cells = changed_cells(state, wanted)
    if CODE in changed_fields(state, wanted):
        cells.add((CODE,))
    found = parsed(answered(vector))
    return update_body(cells, before=state, wanted=wanted, found=found, version=None, stamp=None) | options


def answered(vector: str, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(ANSWERS[vector] | GIVEN | changes))
    return answer


def parsed(answer: dict[str, Any]) -> PluginAnswer:
    return PluginAnswer.model_validate_json(json.dumps(answer))


ZIP, IMAGE = declared("A2 zip, everything set"), declared("A3 image")


# -- bodies


def test_a_creation_of_everything_is_the_documented_body() -> None:
    expected = dict(CREATIONS["A2 zip, everything set"])
    del expected["deploymentPackageType"]  # ZIP is the platform's default
    assert create_body(ZIP, None) == expected


def test_a_creation_sends_what_the_platform_would_choose_otherwise_and_nothing_newer_than_it_knows() -> None:
    minimal = {key: CREATIONS["A1 zip, minimal"][key] for key in ("name", "displayName", "runtime", "handler")}
    body = create_body(plugin(**minimal), None)
    assert body == CREATIONS["A1 zip, minimal"] | {
        "timeout": 3,
        "memorySize": 128,
        "ephemeralStorage": 512,
        "environmentVariables": {},
        "enabledState": "ENABLED",
        "subscriptions": {"interceptionOrder": 1, "interceptions": [], "notifications": []},
    }


def test_a_creation_of_an_image_is_the_documented_body_and_has_no_runtime() -> None:
    body = create_body(IMAGE, None)
    assert CREATIONS["A3 image"].items() <= body.items()
    assert not {"runtime", "handler", "code"} & set(body)


@pytest.mark.parametrize(
    ("vector", "changes"),
    [
        ("A7 configuration only", {"display_name": "Vitals Guard EU", "timeout": 45}),
        ("A10 environment, the full wanted map", {"environment_variables": {"THRESHOLD": "85"}}),
        ("A11 environment, cleared", {"environment_variables": {}}),
        (
            "A12 subscriptions, all three members",
            {"subscriptions": {"notifications": [{"entity_type_name": "patient", "action_name": "_create"}]}},
        ),
        ("A14 schedule removed", {"cron_schedule": None}),
        ("A16 disabled", {"enabled_state": "DISABLED"}),
    ],
)
def test_an_update_is_the_documented_body_and_nothing_more(vector: str, changes: dict[str, Any]) -> None:
    state = observed(parsed(answered("A4 zip, orders and entities filled in")), ZIP)
    inputs = declared("A2 zip, everything set", **{to_wire(key): value for key, value in changes.items()})
    assert patch(state, inputs, "A4 zip, orders and entities filled in") == UPDATES[vector]


def to_wire(name: str) -> str:
    return str(PluginInputs.model_fields[name].alias)


def test_cors_are_sent_whole_but_for_the_lists_that_others_have_changed() -> None:
    state = observed(parsed(answered("A4 zip, orders and entities filled in")), ZIP)
    cors = CREATIONS["A2 zip, everything set"]["cors"] | {"allowMethods": ["PUT"]}
    wanted = declared("A2 zip, everything set", cors=cors)
    body = patch(state, wanted, "A4 zip, orders and entities filled in")
    assert set(body["cors"]) == {"allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders"}
    assert cors.items() <= body["cors"].items()
    drifted = parsed(answered("A4 zip, orders and entities filled in", cors=cors | {"exposeHeaders": ["x-own"]}))
    cells = changed_cells(state, wanted)
    body = update_body(cells, before=state, wanted=wanted, found=drifted, version=None, stamp=None)
    assert "exposeHeaders" not in body["cors"]


def test_new_code_is_the_documented_body() -> None:
    state = observed(parsed(answered("A4 zip, orders and entities filled in")), ZIP)
    inputs = declared("A2 zip, everything set", runtime="python3.13", code_digest="ab" * 32)
    body = patch(state, inputs, "A4 zip, orders and entities filled in", version=8)
    assert body == {"version": 8, "runtime": "python3.13"}  # the handler is the same as before
    assert body.items() <= VECTORS["updates of code"]["A8 new code"].items()


def test_a_stamp_goes_into_the_variables_that_are_there() -> None:
    stamp = Stamp("0451e96e233d", "ab" * 32)
    found = parsed(answered("A4 zip, orders and entities filled in", environmentVariables={"BY_HAND": "1"} | SYSTEM))
    state = observed(parsed(answered("A4 zip, orders and entities filled in")), ZIP)
    body = update_body({(VARIABLES,)}, before=state, wanted=ZIP, found=found, version=None, stamp=stamp)
    assert body == {"environmentVariables": {"BY_HAND": "1", "PULUMI_BIOT_STAMP": str(stamp)}}


def test_a_new_image_is_the_documented_body() -> None:
    state = observed(parsed(answered("A6 image")), IMAGE)
    inputs = declared("A3 image", imageTag="wave-model-77ab01ce")
    assert patch(state, inputs, "A6 image", version=2) == VECTORS["updates of code"]["A9 new image"]


@pytest.mark.parametrize("field", sorted(UPDATABLE))
def test_each_field_is_sent_alone_without_a_version(field: str) -> None:
    cell = ("cors", "allow_origins") if field == "cors" else (field,)
    found = parsed(answered("A4 zip, orders and entities filled in"))
    body = update_body({cell}, before=ZIP, wanted=ZIP, found=found, version=None, stamp=None)
    assert set(body) == {to_wire(field)}


# -- no false change


ANY: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("as documented", lambda _: None),
    ("the prefixed name", lambda a: a.update(name=NAME_PREFIX + a["name"])),
    ("the platform's variables", lambda a: a.update(environmentVariables=a["environmentVariables"] | SYSTEM)),
    (
        "the stamp",
        lambda a: a["environmentVariables"].update(PULUMI_BIOT_STAMP=str(Stamp(owner_hash(ZIP.owner), SEED))),
    ),
    ("no variables shown", lambda a: a.update(environmentVariables=None)),
    ("orders echoed", lambda a: [i.update(order=2) for i in a["subscriptions"]["interceptions"]]),
    ("orders moved", lambda a: [i.update(order=n + 40) for n, i in enumerate(a["subscriptions"]["interceptions"])]),
    ("no orders", lambda a: [i.update(order=None) for i in a["subscriptions"]["interceptions"]]),
    ("entities kept away", lambda a: a["subscriptions"]["interceptions"][0].update(entityTypeName=None)),
    ("an adapter's API filled in", lambda a: a["subscriptions"]["interceptions"][2].update(apiId="GET/device/v2")),
    ("interceptions reversed", lambda a: a["subscriptions"]["interceptions"].reverse()),
    ("notifications reversed", lambda a: a["subscriptions"]["notifications"].reverse()),
    ("cors in another order", lambda a: a["cors"]["allowMethods"].reverse()),
    ("cors in capitals", lambda a: a["cors"].update(allowHeaders=["Authorization"])),
    ("no cors", lambda a: a.update(cors=None)),
    ("no subscriptions", lambda a: a.update(subscriptions=None)),
    ("numbers as text", lambda a: a.update(timeout="30", memorySize="256", version="7")),
    ("what the platform grows", lambda a: a.update(concurrency=5) or a["subscriptions"].update(x=1)),
    ("members left out", lambda a: [a.pop(key) for key in ("ephemeralStorage", "analyticsDbAccess", "enabledState")]),
    ("null members", lambda a: a.update(runtime=None, handler=None, timeout=None, memorySize=None)),
    ("nulls left out", lambda a: [i.pop("apiId", None) for i in a["subscriptions"]["interceptions"][2:]]),
]


@pytest.mark.parametrize("spoil", [spoil for _, spoil in ANY], ids=[name for name, _ in ANY])
def test_what_the_platform_shows_in_its_own_way_is_no_change(spoil: Callable[[dict[str, Any]], object]) -> None:
    answer = answered("A4 zip, orders and entities filled in")
    spoil(answer)
    state = observed(parsed(answer), ZIP)
    assert changed_fields(state, ZIP) == set()
    assert replacing_fields(state, ZIP) == []
    again = observed(parsed(answer), state)
    assert again == state, "a refresh tells the same"


def test_all_of_it_at_once_is_no_change_either() -> None:
    answer = answered("A4 zip, orders and entities filled in")
    for name, spoil in ANY:
        if name not in (
            "no variables shown",
            "no orders",
            "no subscriptions",
            "no cors",
            "the stamp",
            "nulls left out",
        ):
            spoil(answer)
    assert changed_fields(observed(parsed(answer), ZIP), ZIP) == set()


@pytest.mark.parametrize(
    "shown", [None, {}, {"allowOrigins": ["*"]}, Cors().model_dump(by_alias=True), {"exposeHeaders": []}]
)
def test_cors_that_were_not_given_are_the_defaults_in_whatever_way_shown(shown: Any) -> None:
    state = observed(parsed(answered("A6 image", cors=shown)), IMAGE)
    assert state.cors is None
    assert changed_fields(state, IMAGE) == set()


@pytest.mark.parametrize(
    "shown",
    [None, {}, {"interceptionOrder": 5}, {"interceptionOrder": 1, "interceptions": [], "notifications": []}],
)
@pytest.mark.parametrize("given", [None, {}, {"interception_order": 3}])
def test_no_subscriptions_are_no_subscriptions_in_whatever_way_shown(shown: Any, given: Any) -> None:
    inputs = declared("A3 image", subscriptions=given)
    assert changed_fields(observed(parsed(answered("A6 image", subscriptions=shown)), inputs), inputs) == set()


def test_an_image_shows_neither_runtime_nor_tag_and_that_is_no_change() -> None:
    state = observed(parsed(answered("A6 image")), IMAGE)
    assert changed_fields(state, IMAGE) == set()
    assert (state.image_tag, state.runtime, state.deployment_package_type) == ("wave-model-4f9c21ab", None, "IMAGE")


def test_an_answer_with_the_least_the_contract_promises_is_read() -> None:
    least = {"name": "Plugin-vitals-guard", "displayName": "Vitals Guard", "version": 7, **GIVEN}
    answer = parsed(least)
    assert answer.bare_name == "vitals-guard"
    assert changed_fields(observed(answer, ZIP), ZIP) == {"cron_schedule"}  # a schedule not shown is not there


@pytest.mark.parametrize("hidden", list(SYSTEM))
def test_the_platforms_variables_are_in_no_state(hidden: str) -> None:
    answer = answered("A4 zip, orders and entities filled in", environmentVariables={"MODE": "strict"} | SYSTEM)
    state = observed(parsed(answer), ZIP)
    assert hidden not in (state.environment_variables or {})
    assert "not-a-real-secret" not in state.model_dump_json()


# -- true changes


@pytest.mark.parametrize(
    ("shown", "changed"),
    [
        ({"displayName": "x"}, "display_name"),
        ({"runtime": "python3.9"}, "runtime"),
        ({"handler": "x.y"}, "handler"),
        ({"timeout": 31}, "timeout"),
        ({"memorySize": 128}, "memory_size"),
        ({"ephemeralStorage": 512}, "ephemeral_storage"),
        ({"enabledState": "DISABLED"}, "enabled_state"),
        ({"cronSchedule": None}, "cron_schedule"),
        ({"cronSchedule": "0 7 ? * MON-FRI *"}, "cron_schedule"),
        ({"analyticsDbAccess": False}, "analytics_db_access"),
        ({"environmentVariables": {"THRESHOLD": "90"}}, VARIABLES),
        ({"environmentVariables": {"THRESHOLD": "91", "MODE": "strict"}}, VARIABLES),
        ({"environmentVariables": {"THRESHOLD": "90", "MODE": "strict", "MORE": "x"}}, VARIABLES),
        ({"subscriptions": {"interceptionOrder": 2, "interceptions": [], "notifications": []}}, "subscriptions"),
        ({"cors": {"allowOrigins": ["*"]}}, "cors"),
        ({"cors": {"exposeHeaders": ["x-trace"]}}, "cors"),
    ],
)
def test_drift_is_a_change_of_its_field_alone(shown: dict[str, Any], changed: str) -> None:
    state = observed(parsed(answered("A4 zip, orders and entities filled in", **shown)), ZIP)
    assert changed_fields(state, ZIP) == {changed}


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s["interceptions"][0].update(apiId="GET/organization/v1/users/patients"),
        lambda s: s["interceptions"][0].update(order=6),
        lambda s: s["interceptions"][0].pop("order"),
        lambda s: s["interceptions"][0].update(entityTypeName="caregiver"),
        lambda s: s["interceptions"][0].update(type="POST_REQUEST"),
        lambda s: s["interceptions"][2].update(entityTypeName="patient"),
        lambda s: s["interceptions"].pop(),
        lambda s: s["notifications"].pop(),
        lambda s: s["notifications"][0].update(templateName="nurse"),
        lambda s: s["notifications"][1].pop("templateName"),
        lambda s: s.update(interceptionOrder=3),
    ],
    ids=range(11),
)
def test_a_declared_change_of_a_subscription_is_sent(edit: Callable[[dict[str, Any]], object]) -> None:
    state = observed(parsed(answered("A4 zip, orders and entities filled in")), ZIP)
    wanted = json.loads(json.dumps(CREATIONS["A2 zip, everything set"]["subscriptions"]))
    edit(wanted)
    inputs = declared("A2 zip, everything set", subscriptions=wanted)
    assert changed_fields(state, inputs) == {"subscriptions"}
    body = patch(state, inputs, "A4 zip, orders and entities filled in")["subscriptions"]
    assert body["interceptionOrder"] == wanted["interceptionOrder"]
    for name in ("interceptions", "notifications"):
        assert sorted(map(str, body[name])) == sorted(map(str, wanted[name]))


def test_an_entity_left_out_again_is_no_change_since_the_platform_may_fill_it_in() -> None:
    state = observed(parsed(answered("A4 zip, orders and entities filled in")), ZIP)
    wanted = json.loads(json.dumps(CREATIONS["A2 zip, everything set"]["subscriptions"]))
    del wanted["interceptions"][0]["entityTypeName"]
    assert changed_fields(state, declared("A2 zip, everything set", subscriptions=wanted)) == set()


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ({}, {}, []),
        ({}, {"name": "other"}, ["name"]),
        ({}, {"image_tag": "t", "runtime": None}, ["image_tag"]),
        ({"image_tag": "t"}, {}, ["image_tag"]),
        ({"code_digest": "ab"}, {}, ["code"]),
        ({}, {"code_digest": "ab"}, []),
        ({"code_digest": "ab"}, {"code_digest": "cd"}, []),
        ({"code_digest": "ab"}, {"image_tag": "t"}, ["image_tag"]),
        ({"code_digest": "ab"}, {"name": "other"}, ["name", "code"]),
    ],
)
def test_what_replaces(old: dict[str, Any], new: dict[str, Any], fields: list[str]) -> None:
    state = plugin(**old)
    shown = "IMAGE" if state.image_tag else "ZIP"
    assert replacing_fields(state.model_copy(update={"deployment_package_type": shown}), plugin(**new)) == fields


# -- stamps and digests


def test_a_stamp_is_written_and_found_again() -> None:
    inputs = declared("A2 zip, everything set", code_digest="ab" * 32)
    variables = create_body(inputs, Stamp(owner_hash(inputs.owner), code_identity(inputs)))["environmentVariables"]
    answer = parsed(answered("A4 zip, orders and entities filled in", environmentVariables=variables | SYSTEM))
    assert Stamp.found(answer) == Stamp(owner_hash("p/s/vitals-guard"), "ab" * 32)
    assert variables["PULUMI_BIOT_STAMP"] == f"v1:{owner_hash('p/s/vitals-guard')}:{'ab' * 32}"


@pytest.mark.parametrize("text", ["", "v1", "v1:", "v1:owner", "v1:owner:", "v1::digest", "v2:owner:digest", "x"])
def test_what_is_no_stamp_of_ours_is_none(text: str) -> None:
    variables = {"PULUMI_BIOT_STAMP": text}
    assert Stamp.found(parsed(answered("A6 image", environmentVariables=variables))) is None


def test_owners_differ_by_project_stack_and_name_and_their_hash_stays() -> None:
    assert owner_hash("project/stack/guard") == "0451e96e233d"
    assert len({owner_hash(o) for o in (None, "a/b/c", "a/b/d", "a/c/c", "b/b/c")}) == 5


def test_code_is_known_by_its_digest_the_images_tag_or_the_word_for_none() -> None:
    assert code_identity(plugin(name="x")) == SEED
    assert code_identity(plugin(name="x", code_digest="ab")) == "ab"
    tags = {code_identity(plugin(name="x", image_tag=tag)) for tag in ("a", "b")}
    assert len(tags) == 2
    assert all(len(tag) == 64 for tag in tags)


OURS = plugin(code_digest="ab" * 32)


CREATED = GIVEN["creationTime"]
LOST = "cd" * 32
FOREIGN = "deployed elsewhere as version 7"


@pytest.mark.parametrize(
    ("version", "created", "stamp", "code"),
    [
        (7, CREATED, Stamp("o", "ab" * 32), "ab" * 32),
        (7, "2026-11-20T09:15:02Z", Stamp("o", "ab" * 32), "ab" * 32),
        (7, "2026-11-20T10:15:02.114+01:00", Stamp("o", "ab" * 32), "ab" * 32),
        (7, CREATED, None, "ab" * 32),
        (7, CREATED, Stamp("o", LOST), FOREIGN),
        (6, CREATED, Stamp("o", LOST), LOST),
        (5, CREATED, Stamp("o", LOST), FOREIGN),
        (6, CREATED, Stamp("o", "unknown"), FOREIGN),
        (6, CREATED, Stamp("o", "ab" * 32), FOREIGN),
        (None, CREATED, Stamp("o", "ab" * 32), FOREIGN),
    ],
)
def test_code_that_somebody_else_deployed_shows_by_stamp_or_version(
    version: int | None, created: str, stamp: Stamp | None, code: str
) -> None:
    answer = parsed(answered("A4 zip, orders and entities filled in"))
    known = OURS.model_copy(update={"version": version, "creation_time": created})
    state = observed_code(observed(answer, known), answer, stamp, known)
    assert state.code_digest == code
    assert is_foreign(state.code_digest) is (code == FOREIGN)
    assert (CODE in changed_fields(state, OURS)) is (code != OURS.code_digest)


def test_code_that_is_foreign_stays_so_whoever_deploys_next() -> None:
    answer = parsed(answered("A4 zip, orders and entities filled in"))
    known = OURS.model_copy(
        update={"version": 6, "creation_time": CREATED, "code_digest": "deployed elsewhere as version 6"}
    )
    assert observed_code(observed(answer, known), answer, Stamp("o", "ab" * 32), known).code_digest == FOREIGN


def test_a_plugin_without_code_of_its_own_takes_no_notice_of_others_code_but_of_its_own_that_was_lost() -> None:
    answer = parsed(answered("A4 zip, orders and entities filled in"))
    seed = plugin()
    state = observed_code(observed(answer, seed), answer, Stamp("o", SEED), seed)
    assert CODE not in changed_fields(state, seed)
    lost = observed_code(observed(answer, seed), answer, Stamp("o", LOST), seed)
    assert replacing_fields(lost, seed) == ["code"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "yesterday", "", None])
def test_a_time_that_cannot_be_read_is_neither_the_same_nor_another(moment: str | None) -> None:
    assert is_same_moment(moment, GIVEN["creationTime"]) is None
    assert is_same_moment(GIVEN["creationTime"], moment) is None


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ("2026-11-27T05:56:29.000+00:00", True),
        ("2026-11-27T06:56:29,000+01:00", True),
        ("2026-11-27T05:56:29Z", True),
        ("2026-11-27T05:56:29.066Z", False),
        ("2026-11-27T05:56:30Z", False),
    ],
)
def test_a_fraction_counts_where_both_times_are_written_with_one(other: str, is_same: bool) -> None:
    assert is_same_moment("2026-11-27T05:56:29.000Z", other) is is_same
    assert is_same_moment(other, "2026-11-27T05:56:29.000Z") is is_same
