"""Each operation on a resource, as the engine asks for it."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2 as proto

from .conftest import HANDLER, SIGNATURE, UNKNOWN, Engine, refused, revealed, secret, struct, urn

SOME, NONE = proto.DiffResponse.DIFF_SOME, proto.DiffResponse.DIFF_NONE
KINDS = {proto.PropertyDiff.ADD: "+", proto.PropertyDiff.DELETE: "-", proto.PropertyDiff.UPDATE: "~"}
REPLACING = {
    proto.PropertyDiff.ADD_REPLACE: "+",
    proto.PropertyDiff.DELETE_REPLACE: "-",
    proto.PropertyDiff.UPDATE_REPLACE: "~",
}


def paths(response: proto.DiffResponse) -> dict[str, str]:
    """The detailed paths with their signs; those that replace have an exclamation mark."""
    assert response.hasDetailedDiff == bool(response.detailedDiff)
    return {
        path: KINDS[diff.kind] if diff.kind in KINDS else f"{REPLACING[diff.kind]}!"
        for path, diff in response.detailedDiff.items()
    }


def test_check_names_the_resource_and_its_owner_by_the_urn(engine: Engine) -> None:
    assert (engine.inputs()["name"], engine.inputs()["__owner"]) == ("guard", "shop/dev/guard")
    engine.urn = urn("Plugin", "till::1", parents="shop:index:Shop$shop:index:Till$")
    assert engine.inputs(name="x")["__owner"] == "shop/dev/shop:index:Shop$shop:index:Till::till::1"
    assert any("name" in reason and "letters, digits" in reason for reason in engine.reasons())
    engine.urn = urn("Plugin", "guard", parents="pulumi:pulumi:Stack$")
    assert engine.inputs()["__owner"] == "shop/dev/guard"


def test_check_finds_all_problems_at_once_in_the_schemas_names_and_shows_no_secret(engine: Engine) -> None:
    canary = secrets.token_hex(8)
    reasons = engine.reasons(
        memorySize=1,
        timeout=float("inf"),
        displayName=secret(canary * 20),
        environmentVariables={"BIOT_X": canary, "memory_size": secret(""), "1": canary},
        subscriptions={"interceptions": [{"type": "PRE_REQUEST", "apiId": "x", "entityTypeName": 7}]},
        cors={"allowMethods": ["FETCH"]},
        memroySize=128,
        enabledState=secret("maybe-" + canary),
    )
    text = "\n".join(reasons)
    for path in (
        "memorySize", "timeout", "displayName", "environmentVariables.BIOT_X", "cors.allowMethods", "enabledState",
        "subscriptions.interceptions[0].", "did you mean 'memorySize'",
    ):  # fmt: skip
        assert path in text, text
    assert canary not in text
    assert "maybe" not in text
    assert "environmentVariables.memory_size" in text
    assert "allow_methods" not in text
    assert len(reasons) >= 8


def test_check_fills_in_defaults_and_keeps_every_mark(engine: Engine) -> None:
    inputs = engine.inputs(
        displayName=secret("Guard"),
        environmentVariables={"memory_size": "1", "memorySize": secret("2")},
        subscriptions=secret({"interceptionOrder": 2}),
        memorySize=256.0,
    )
    assert inputs["displayName"] == secret("Guard")
    assert inputs["environmentVariables"] == {"memory_size": secret("1"), "memorySize": secret("2")}
    assert revealed(inputs["subscriptions"])["interceptionOrder"] == 2
    assert SIGNATURE in inputs["subscriptions"] or SIGNATURE in inputs["subscriptions"]["interceptionOrder"]
    assert (inputs["memorySize"], inputs["timeout"], inputs["runtime"]) == (256, 3, "nodejs22.x")


def test_check_keeps_what_is_not_known_yet(engine: Engine) -> None:
    inputs = engine.inputs(
        imageTag=UNKNOWN,
        timeout="3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        environmentVariables={"AA": UNKNOWN, "BB": "b"},
    )
    assert (inputs["imageTag"], inputs["timeout"]) == (UNKNOWN, UNKNOWN)
    assert revealed(inputs["environmentVariables"]) == {"AA": UNKNOWN, "BB": "b"}


def test_a_preview_of_a_create_knows_the_inputs_and_marks_the_rest_unknown(engine: Engine) -> None:
    inputs = engine.inputs(displayName=secret("Guard"), environmentVariables={"AA": "1"})
    id_, outputs = engine.create(inputs, preview=True)
    assert id_ == ""
    assert outputs["displayName"] == secret("Guard")
    assert outputs["environmentVariables"] == {"AA": secret("1")}
    assert {name for name, value in outputs.items() if value == UNKNOWN} >= {
        "endpointUrl", "linkToConsole", "creationTime", "lastModifiedTime", "version",
    }  # fmt: skip
    assert engine.writes() == []


def test_a_plugin_from_create_to_delete(engine: Engine) -> None:
    given: dict[str, Any] = {
        "code": engine.code(),
        "runtime": "python3.13",
        "environmentVariables": {"memory_size": "1", "memorySize": secret("2")},
        "subscriptions": {"interceptionOrder": 2, "interceptions": [{"type": "PRE_REQUEST", "apiId": "GET/a/b"}]},
    }
    inputs = engine.inputs(**given)
    id_, state = engine.create(inputs, timeout=30)
    assert id_ == "guard"
    live = engine.live()
    assert live["environmentVariables"].items() >= {"memory_size": "1", "memorySize": "2"}.items()
    assert state["environmentVariables"] == {"memory_size": secret("1"), "memorySize": secret("2")}
    assert state["endpointUrl"] == live["endpointUrl"]
    assert state["subscriptions"]["interceptions"][0]["apiId"] == "GET/a/b"
    assert not [name for name in state if "_" in name and not name.startswith("__")]

    unchanged = engine.diff(state, inputs, engine.inputs(**given))
    assert (unchanged.changes, list(unchanged.diffs), paths(unchanged)) == (NONE, [], {})

    engine.code("# new\n")
    news = engine.inputs(**given | {"timeout": 9, "environmentVariables": {"memory_size": "3"}})
    difference = engine.diff(state, inputs, news)
    assert difference.changes == SOME
    assert not difference.replaces
    found = paths(difference)
    assert found.items() >= {
        "timeout": "~", "environmentVariables.memory_size": "~", "environmentVariables.memorySize": "-",
    }.items()  # fmt: skip
    assert 'codeFiles["index.py"]' in found
    assert not any("subscriptions" in path for path in found)

    preview = engine.update(state, inputs, news, preview=True)
    assert (preview["timeout"], preview["endpointUrl"], preview["lastModifiedTime"]) == (
        *(9, state["endpointUrl"]),
        UNKNOWN,
    )
    assert engine.writes() == ["POST"]
    state = engine.update(state, inputs, news)
    assert engine.writes() == ["POST", "PATCH"]
    assert (engine.live()["timeout"], engine.live()["version"], state["version"]) == (9, 2, 2)
    assert state["environmentVariables"] == {"memory_size": secret("3")}
    assert engine.diff(state, news, news).changes == NONE

    engine.delete(state)
    engine.delete(state)  # gone already
    assert engine.writes().count("DELETE") <= 2
    assert not engine.platform.plugins.search({})["data"]


def test_a_secret_that_holds_a_map_of_fields_reaches_the_platform_and_the_state(engine: Engine) -> None:
    given = {"subscriptions": secret({"interceptions": [{"type": "PRE_REQUEST", "apiId": "GET/a/b"}]})}
    inputs = engine.inputs(**given)
    _, state = engine.create(inputs)
    assert engine.live()["subscriptions"]["interceptions"][0]["apiId"] == "GET/a/b"
    assert state["subscriptions"][SIGNATURE]
    assert revealed(state["subscriptions"])["interceptions"][0]["apiId"] == "GET/a/b"
    assert engine.diff(state, inputs, engine.inputs(**given)).changes == NONE


def test_what_replaces_is_marked_and_deletes_first(engine: Engine) -> None:
    inputs = engine.inputs(code=engine.code(), runtime="python3.13")
    _, state = engine.create(inputs)
    renamed = engine.diff(state, inputs, engine.inputs(code=engine.code(), runtime="python3.13", name="other"))
    assert renamed.deleteBeforeReplace
    assert list(renamed.replaces) == ["name"]
    assert paths(renamed)["name"] == "~!"

    engine.platform.images.add("tag-1")
    imaged = engine.diff(state, inputs, engine.inputs(imageTag="tag-1"))
    assert imaged.changes == SOME
    assert imaged.replaces
    assert imaged.deleteBeforeReplace
    assert any(sign.endswith("!") for sign in paths(imaged).values())


def test_a_change_that_is_not_known_yet_shows(engine: Engine) -> None:
    inputs = engine.inputs(timeout=9, displayName="Guard")
    _, state = engine.create(inputs)
    difference = engine.diff(state, inputs, engine.inputs(timeout=9, displayName=UNKNOWN))
    assert (difference.changes, paths(difference)) == (SOME, {"displayName": "~"})


@pytest.mark.parametrize("ignored", ["code", "imageTag"])
def test_content_whose_changes_are_ignored_stays(engine: Engine, ignored: str) -> None:
    engine.platform.images.add("tag-1")
    content = {"code": engine.code(), "runtime": "python3.13"} if ignored == "code" else {"imageTag": "tag-1"}
    inputs = engine.inputs(**content)
    _, state = engine.create(inputs)
    engine.code("# new\n")
    news = engine.inputs(**content, timeout=9)  # the engine puts the old path or tag there by itself
    difference = engine.diff(state, inputs, news, ignore=(ignored,))
    assert (difference.changes, paths(difference)) == (SOME, {"timeout": "~"})
    state = engine.update(state, inputs, news, ignore=(ignored,))
    assert (engine.live()["timeout"], engine.live()["version"]) == (9, 1)
    assert engine.diff(state, news, news, ignore=(ignored,)).changes == NONE
    if ignored == "code":  # and is sent when they count again
        assert engine.diff(state, news, news).changes == SOME


def test_read_shows_drift_and_what_is_gone(engine: Engine) -> None:
    inputs = engine.inputs(environmentVariables={"MODE": "strict"}, timeout=7)
    id_, state = engine.create(inputs)
    assert MessageToDict(engine.read(id_, state, inputs).properties) == state
    engine.platform.plugins.update("Plugin-guard", {"timeout": 77}, None)
    found = engine.read(id_, state, inputs)
    assert found.id == "guard"
    read = MessageToDict(found.inputs)
    assert (read["timeout"], MessageToDict(found.properties)["timeout"]) == (77, 77)
    assert read["environmentVariables"] == {"MODE": secret("strict")}
    assert paths(engine.diff(MessageToDict(found.properties), read, inputs))["timeout"] == "~"

    engine.platform.edits.delete("plugin", "guard")
    gone = engine.read(id_, state, inputs)
    assert (gone.id, MessageToDict(gone.properties)) == ("", {})


def test_an_import_reads_the_inputs_and_one_of_nothing_finds_nothing(engine: Engine) -> None:
    config = {"name": "theirs", "displayName": "Theirs", "version": 1, "timeout": 30}
    engine.platform.plugins.create(config | {"environmentVariables": {"KEY": "k"}}, None)
    engine.urn = urn("Plugin", "imported")
    found = engine.read("theirs")
    inputs = MessageToDict(found.inputs)
    assert (found.id, inputs["name"], inputs["timeout"]) == ("theirs", "theirs", 30)
    assert inputs["environmentVariables"] == {"KEY": secret("k")}
    checked = engine.check(inputs, inputs)
    assert not checked.failures
    assert engine.diff(MessageToDict(found.properties), inputs, MessageToDict(checked.inputs)).changes == NONE
    assert not engine.read("missing").id, "the engine says so in a line of its own"


def test_every_kind_is_made_and_ended(engine: Engine) -> None:
    (engine.folder / "image").mkdir()
    (engine.folder / "image" / "index.py").write_text(HANDLER)
    kinds: dict[str, dict[str, Any]] = {
        "PluginImage": {"code": "image", "baseImage": "embedded/base/python:3.13", "handler": "index.handler"},
        "ServiceUser": {"roleId": "0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11", "type": "EXTERNAL_SERVICE"},
        "ServiceUserKey": {"keepers": {"service_user_id": "a"}},
        "InterceptionSubscription": {
            "type": "PRE_REQUEST",
            "endpoint": "https://hooks.example.com/pre",
            "apiId": "POST/organization/v1/users/patients/templates/{templateName}",
            "pathFilters": {"templateName": "nurse"},
        },
        "NotificationSubscription": {
            "entityTypeName": "patient",
            "actionName": "_create",
            "endpoint": "https://hooks.example.com/told",
        },
    }
    held: list[tuple[str, str, dict[str, Any]]] = []
    for kind, given in kinds.items():
        engine.urn = urn(kind, "mine")
        if kind == "ServiceUserKey":
            given["serviceUserId"] = held[-1][1]
        inputs = engine.inputs(**given)
        id_, state = engine.create(inputs)
        held.append((engine.urn, id_, state))
        assert engine.diff(state, inputs, engine.inputs(**given)).changes == NONE
        assert not [name for name in state if "_" in name and not name.startswith("__")]
        if kind.startswith("ServiceUser"):
            assert state["secretKey"][SIGNATURE]
        if kind == "ServiceUserKey":
            assert state["keepers"] == {"service_user_id": "a"}
    for engine.urn, id_, state in reversed(held):
        assert engine.read(id_, state).id == id_
        engine.delete(state, id_)


def test_an_error_is_one_line_without_a_secret_also_while_debugging(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "memory_size-" + secrets.token_hex(16)
    inputs = engine.inputs(displayName=secret(canary), environmentVariables={"KEY": canary})
    engine.platform.faults.add(
        status=400,
        code="REQUEST_VALIDATION_FAILED",
        details={"value": canary},
        method="POST",
        path="/plugins$",
        times=None,
    )
    line = refused(lambda: engine.create(inputs))
    assert line.startswith("create plugin 'guard': the platform answered 400 REQUEST_VALIDATION_FAILED")
    random = canary.partition("-")[2]
    assert random not in line
    assert "memory" not in line  # a name of a field in a secret is none
    monkeypatch.setenv("BIOT_LOG", "debug")
    monkeypatch.delattr(sys, "tracebacklimit", raising=False)  # the dynamic provider sets it for its process
    with pytest.raises(grpc.RpcError) as raised:
        engine.create(inputs)
    assert "Traceback" in str(raised.value)
    assert random not in str(raised.value)
    assert not any(random in line.message for line in engine.logged)


def test_a_message_on_the_way_names_its_resource_and_hides_secrets(engine: Engine) -> None:
    inputs = engine.inputs()
    engine.create(inputs)
    engine.create(inputs)  # as after a create that was not recorded
    (line,) = engine.logged
    assert "plugin 'guard'" in line.message
    assert line.urn == engine.urn


@pytest.mark.parametrize(
    "bad",
    ["urn:pulumi:dev::shop::biot:index:Plugni::guard", "urn:pulumi:dev::shop::random:index:X::guard", "guard", ""],
)
def test_an_unknown_type_or_a_malformed_urn_is_one_line(engine: Engine, bad: str) -> None:
    engine.urn = bad
    properties = struct({"timeout": 9})
    for act in (
        lambda: engine.check({}),
        lambda: engine.diff({}, {}, {}),
        lambda: engine.create({}),
        lambda: engine.read("guard"),
        lambda: engine.update({}, {}, {}),
        lambda: engine.calls.Delete(proto.DeleteRequest(id="guard", urn=bad, properties=properties)),
    ):
        line = refused(act, grpc.StatusCode.INVALID_ARGUMENT)
        assert line.startswith(f"{bad!r} is no resource of biot: its type must be one of biot:index:Plugin, ")


def test_calls_that_this_provider_does_not_have_are_unimplemented(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        engine.calls.GetMapping(proto.GetMappingRequest(key="terraform"))
    error: Any = raised.value
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_next_runs_of_a_schedule_that_is_secret_are_not_shown(engine: Engine) -> None:
    engine.configure()
    engine.inputs(cronSchedule=secret("30 6 ? * MON-FRI *"))
    assert not engine.logged
    engine.inputs(cronSchedule="30 6 ? * MON-FRI *")
    assert "next runs" in engine.logged[0].message
