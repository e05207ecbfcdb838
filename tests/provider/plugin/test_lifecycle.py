"""The life of a plugin: create, update, delete, versions, drift and secrets."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown

from biot_provider.plugin.stamp import owner_hash

from ..attempts import error_of
from .stamped import STAMP, zipped

if TYPE_CHECKING:
    from ..conftest import World


pytestmark = pytest.mark.usefixtures("sleeps")


def gateway_404(world: World, method: str) -> None:
    world.platform.faults.add(
        status=404, body="<html>no route</html>", headers={"Content-Type": "text/html"}, method=method, path="/plugins"
    )


# -- create, update, delete as they should go


def test_a_plugin_is_made_with_one_post_and_what_it_returns_is_its_state(world: World) -> None:
    inputs = world.inputs(
        code=world.code(),
        environment_variables={"MODE": "strict"},
        subscriptions={"interceptions": [{"type": "ADAPT_ENTITY", "entity_type_name": "device"}]},
        cors={"allow_origins": ["https://portal.acme.example"]},
    )
    state = world.create(inputs)
    assert [request["method"] for request in world.writes()] == ["POST"]
    assert (state["version"], state["deployment_package_type"]) == (1, "ZIP")
    assert state["environment_variables"] == {"MODE": "strict"}
    assert state["endpoint_url"].startswith(f"{world.settings.base_url}/_functions/")
    assert not world.changes(state, inputs)
    live = world.live()
    assert live["environmentVariables"][STAMP] == f"v1:{owner_hash('project/stack/guard')}:{state['code_digest']}"
    assert live["cors"]["allowMethods"] == ["GET", "POST"]


def test_a_change_of_configuration_is_one_patch_of_what_changed_and_keeps_the_version(world: World) -> None:
    state = world.create(world.inputs(code=world.code(), environment_variables={"MODE": "strict"}))
    inputs = world.inputs(code=world.code(), environment_variables={"MODE": "strict"}, timeout=30)
    assert world.changes(state, inputs)
    state = world.update(state, inputs)
    [patch] = world.requests("PATCH")
    assert patch["config"] == {"timeout": 30}
    assert [part["name"] for part in patch["parts"]] == ["config"]
    assert (state["version"], state["timeout"]) == (1, 30)
    assert not world.changes(state, inputs)


def test_new_code_goes_with_the_next_version_and_the_stamp(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    inputs = world.inputs(code=world.code("# new\n"))
    state = world.update(state, inputs)
    [patch] = world.requests("PATCH")
    assert set(patch["config"]) == {"version", "environmentVariables"}
    assert patch["config"]["version"] == 2
    assert [part["name"] for part in patch["parts"]] == ["config", "code"]
    assert world.live()["environmentVariables"][STAMP].endswith(state["code_digest"])
    assert state["version"] == 2


def test_the_same_files_in_another_folder_are_no_change(world: World) -> None:
    state = world.create(world.inputs(code=world.code(folder="here")))
    assert not world.changes(state, world.inputs(code=world.code(folder="there")))


@pytest.mark.parametrize(
    ("first", "then", "replaced"),
    [
        ({}, {"name": "other"}, ["name"]),
        ({}, {"image_tag": "t-1"}, ["image_tag"]),
        ({"image_tag": "t-1"}, {}, ["image_tag"]),
        ({"image_tag": "t-1"}, {"image_tag": "t-2"}, []),
        ({"code": True}, {}, ["code"]),
        ({}, {"code": True}, []),
    ],
)
def test_only_what_the_platform_cannot_change_replaces(
    world: World, first: dict[str, Any], then: dict[str, Any], replaced: list[str]
) -> None:
    def given(arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | ({"code": world.code()} if "code" in arguments else {})

    state = world.create(world.inputs(**given(first)))
    result = world.provider.diff("guard", state, world.inputs(**given(then)))
    assert (result.changes, result.replaces, result.delete_before_replace) == (True, replaced, bool(replaced))


@pytest.mark.parametrize(
    ("given", "unknown", "replaces"),
    [
        ({}, "name", ["name"]),
        ({}, "image_tag", ["image_tag"]),
        ({"image_tag": "image-1"}, "image_tag", []),
        ({"code": "code"}, "code", []),
    ],
)
def test_what_is_not_known_yet_replaces_where_a_change_of_it_would(
    world: World, given: dict[str, Any], unknown: str, replaces: list[str]
) -> None:
    given = given | ({"code": world.code()} if "code" in given else {})
    state = world.create(world.inputs(**given))
    result = world.provider.diff("guard", state, world.inputs(**given) | {unknown: Unknown()})
    assert (result.changes, result.replaces) == (True, replaces)


def test_a_new_image_goes_with_the_next_version(world: World) -> None:
    state = world.create(world.inputs(image_tag="wave-1"))
    inputs = world.inputs(image_tag="wave-2")
    state = world.update(state, inputs)
    [patch] = world.requests("PATCH")
    assert (patch["config"]["imageTag"], patch["config"]["version"]) == ("wave-2", 2)
    assert not world.changes(state, inputs)


def test_cors_taken_away_goes_back_to_the_platforms_defaults(world: World) -> None:
    state = world.create(world.inputs(cors={"allow_origins": ["https://a.example"], "expose_headers": ["x-a"]}))
    world.update(state, world.inputs())
    assert world.live()["cors"] == {
        "allowOrigins": ["*"],
        "allowMethods": ["GET", "POST"],
        "allowHeaders": ["authorization", "content-type"],
        "exposeHeaders": [],
    }


def test_subscriptions_taken_away_are_unsubscribed(world: World) -> None:
    told = {"notifications": [{"entity_type_name": "patient", "action_name": "_create"}]}
    state = world.create(world.inputs(subscriptions=told))
    world.update(state, world.inputs())
    assert world.live()["subscriptions"]["notifications"] == []


def test_a_schedule_taken_away_is_cleared(world: World) -> None:
    state = world.create(world.inputs(cron_schedule="0 8 ? * MON *"))
    state = world.update(state, world.inputs())
    assert world.live()["cronSchedule"] is None
    assert "cron_schedule" not in state


def test_a_platform_that_keeps_a_schedule_taken_away_is_an_error(world: World) -> None:
    world.platform.contract_variants.set(nulls="keep")
    state = world.create(world.inputs(cron_schedule="0 8 ? * MON *"))
    said = error_of(lambda: world.update(state, world.inputs()))
    assert "the platform keeps the schedule '0 8 ? * MON *' although it was to clear it" in said
    assert world.changes(state, world.inputs()), "the next preview shows it still"


def test_code_after_the_last_version_is_one_line_that_says_what_to_do(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.platform.edits.change("plugin", "guard", "version", 32767)
    said = error_of(lambda: world.update(state, world.inputs(code=world.code("# new\n"))))
    assert "counts versions up to 32767" in said
    assert "pulumi up --replace" in said
    world.update(state, world.inputs(code=world.code(), timeout=9))
    assert world.live()["timeout"] == 9, "what is not code can change"


def test_delete_takes_the_plugin_away_and_one_that_is_gone_is_deleted(world: World) -> None:
    state = world.create(world.inputs())
    world.delete(state)
    assert world.names == []
    world.delete(state)


def test_a_plugin_deleted_by_somebody_at_the_same_moment_is_deleted(world: World) -> None:
    state = world.create(world.inputs())
    world.platform.faults.add(status=404, code="PLUGIN_NOT_FOUND", method="DELETE")
    world.delete(state)


def test_an_update_of_a_plugin_that_is_gone_creates_it_anew_and_says_so(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.platform.plugins.delete("Plugin-guard")
    inputs = world.inputs(code=world.code("# new\n"), timeout=9)
    state = world.update(state, inputs)
    assert "warning: plugin 'guard' no longer exists: it is created anew" in capfd.readouterr().err
    assert (world.live()["timeout"], world.live()["version"]) == (9, 1)
    assert state["creation_time"] == world.live()["creationTime"]
    assert not world.changes(state, inputs)


def test_code_that_changed_after_the_preview_is_not_deployed(world: World) -> None:
    inputs = world.inputs(code=world.code())
    world.code("# edited meanwhile\n")
    assert "changed after the preview looked at it" in error_of(lambda: world.create(inputs))
    assert world.writes() == []


# -- versions


def test_the_version_follows_what_somebody_deployed_in_between(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.by_hand({"version": 9}, zipped("theirs"))
    state = world.update(state, world.inputs(code=world.code("# new\n")))
    assert (state["version"], world.live()["version"]) == (10, 10)
    assert len(world.requests("PATCH")) == 1


TOO_LOW: dict[str, Any] = {
    "status": 400,
    "code": "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE",
    "details": {"currentVersion": 1, "requestVersion": 2},
    "method": "PATCH",
}


@pytest.mark.parametrize("stamp", [True, False])
def test_a_version_taken_at_the_same_moment_is_looked_up_once_more(world: World, stamp: bool) -> None:
    world.connect(stamp=stamp)
    state = world.create(world.inputs(code=world.code()))
    world.platform.faults.add(**TOO_LOW)
    state = world.update(state, world.inputs(code=world.code("# new\n")))
    assert [r["method"] for r in world.requests()][-5:] == ["POST", "GET", "PATCH", "GET", "PATCH"]
    assert state["version"] == 2
    assert b"# new" in zipfile.ZipFile(io.BytesIO(world.platform.code("guard") or b"")).read("index.py")


def test_a_version_that_stays_too_low_is_an_error_after_one_more_look(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.platform.faults.add(**TOO_LOW, times=None)
    said = error_of(lambda: world.update(state, world.inputs(code=world.code("# new\n"))))
    assert "400 PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE" in said
    assert "(current version 1, request version 2)" in said
    assert len(world.requests("PATCH")) == 2


def test_an_update_that_was_committed_but_not_recorded_is_not_sent_again(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    inputs = world.inputs(code=world.code("# new\n"))
    world.update(state, inputs)
    again = world.update(state, inputs)  # the engine was killed: the state is still the old one
    assert len(world.requests("PATCH")) == 1
    assert (again["version"], again["code_digest"]) == (2, inputs["code_digest"])


def running(world: World) -> bytes:
    return zipfile.ZipFile(io.BytesIO(world.platform.code("guard") or b"")).read("index.py")


def test_somebody_elses_code_of_the_version_we_had_sent_is_not_taken_for_ours(world: World, sleeps: Any) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.platform.faults.add("bad-gateway", method="PATCH")
    theirs = iter([{"version": 2}])

    def meanwhile(_seconds: float) -> None:
        for config in theirs:
            world.by_hand(config, zipped("theirs"))

    sleeps.side_effect = meanwhile
    state = world.update(state, world.inputs(code=world.code("# new\n")))
    assert (state["version"], b"# new" in running(world)) == (3, True)


def test_code_deployed_after_an_unrecorded_update_of_ours_is_not_taken_for_ours(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    inputs = world.inputs(code=world.code("# new\n"))
    world.update(state, inputs)  # not recorded: the state is still the old one
    world.by_hand({"version": 3}, zipped("theirs"))
    state = world.update(state, inputs)
    assert (state["version"], b"# new" in running(world)) == (4, True)


def test_code_deployed_again_after_a_refresh_saw_drift_is_not_taken_for_ours(world: World) -> None:
    inputs = world.inputs(code=world.code())
    state = world.create(inputs)
    world.by_hand({"version": 2}, zipped("theirs"))
    state, _ = world.refreshed(state)
    world.by_hand({"version": 3}, zipped("theirs again"))
    state = world.update(state, inputs)
    assert (state["version"], b"def handler" in running(world)) == (4, True)


@pytest.mark.parametrize(
    ("version", "code", "words"),
    [
        (1, "# new\n", "has new code, so its version must be above 1, not 1"),
        (2, "", "has no new code, so its version must stay 1, not 2"),
    ],
)
def test_a_version_that_the_platform_would_refuse_is_reported_in_the_preview(
    world: World, version: int, code: str, words: str
) -> None:
    state = world.create(world.inputs(code=world.code(), version=1))
    inputs = world.inputs(code=world.code(code), version=version)
    assert words in error_of(lambda: world.changes(state, inputs))


def test_a_version_given_by_hand_is_sent_with_the_code(world: World) -> None:
    state = world.create(world.inputs(code=world.code(), version=5))
    inputs = world.inputs(code=world.code("# new\n"), version=7)
    state = world.update(state, inputs)
    assert world.live()["version"] == state["version"] == 7
    assert not world.changes(state, inputs)


# -- read


def test_a_plugin_that_is_gone_reads_as_nothing(world: World) -> None:
    state = world.create(world.inputs())
    world.platform.plugins.delete("Plugin-guard")
    result = world.provider.read("guard", state)
    assert (result.id, result.outs) == ("", {})


@pytest.mark.parametrize("operation", ["read", "delete", "update"])
def test_a_gateways_404_never_means_gone(world: World, operation: str) -> None:
    state = world.create(world.inputs())
    gateway_404(world, "PATCH" if operation == "update" else "GET")
    act = {
        "read": lambda: world.refreshed(state),
        "delete": lambda: world.delete(state),
        "update": lambda: world.update(state, world.inputs(timeout=9)),
    }[operation]
    said = error_of(act)
    assert "the platform answered 404 with no error body of BioT's: <html>no route</html>" in said
    assert world.names == ["guard"]


def test_a_gateways_404_to_the_delete_itself_is_an_error(world: World) -> None:
    state = world.create(world.inputs())
    gateway_404(world, "DELETE")
    assert "404" in error_of(lambda: world.delete(state))
    assert world.names == ["guard"]


def test_drift_of_the_configuration_shows_and_heals(world: World) -> None:
    inputs = world.inputs(code=world.code(), environment_variables={"MODE": "strict"})
    state = world.create(inputs)
    world.by_hand({"timeout": 99, "environmentVariables": {"MODE": "strict", "EXTRA": "x1"}})
    state, seen = world.refreshed(state)
    assert (seen["timeout"], seen["environment_variables"]) == (99, {"MODE": "strict", "EXTRA": "x1"})
    assert world.changes(state, inputs)
    state = world.update(state, inputs)
    assert (world.live()["timeout"], "EXTRA" in world.live()["environmentVariables"]) == (3, False)
    assert not world.changes(state, inputs)


def test_drift_of_the_code_shows_and_heals(world: World) -> None:
    inputs = world.inputs(code=world.code())
    state = world.create(inputs)
    world.by_hand({"version": 2}, zipped("theirs"))
    state, seen = world.refreshed(state)
    assert seen["code_digest"] == "deployed elsewhere as version 2"
    assert world.changes(state, inputs)
    state = world.update(state, inputs)
    assert state["version"] == 3
    assert world.platform.code("guard") != zipped("theirs")
    assert not world.changes(state, inputs)
    assert world.refreshed(state)[0] == state


def test_a_plugin_made_anew_by_hand_is_nobody_elses_to_take_or_delete(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = world.inputs(code=world.code())
    state = world.create(inputs)
    world.platform.plugins.delete("Plugin-guard")
    config = {"name": "guard", "displayName": "By hand", "version": 1}
    world.platform.plugins.create(config, None, "http://x")
    assert world.provider.read("guard", state).id == "", "ours is gone"
    assert "warning: plugin 'guard' of this stack no longer exists" in capfd.readouterr().err
    assert "not the plugin that this stack deployed" in error_of(lambda: world.update(state, world.inputs(timeout=9)))
    assert "exists already and carries no stamp" in error_of(lambda: world.create(inputs))
    world.delete(state)
    assert "is left alone: it is not the one that this stack deployed" in capfd.readouterr().err
    assert world.live()["displayName"] == "By hand"


def test_a_refresh_without_drift_changes_nothing(world: World) -> None:
    inputs = world.inputs(code=world.code(), environment_variables={"MODE": "strict"}, version=3)
    state = world.create(inputs)
    outs, seen = world.refreshed(state)
    assert outs == state
    assert seen == inputs


def test_a_get_shows_the_plugin_without_the_platforms_variables_or_the_stamp(world: World) -> None:
    world.create(world.inputs(code=world.code(), environment_variables={"MODE": "strict"}, timeout=30))
    result = world.provider.read("guard", {"name": "guard", "__provider": "x"})
    assert result.outs
    assert (result.id, result.outs["timeout"], result.outs["version"]) == ("guard", 30, 1)
    assert list(result.outs["environment_variables"]) == ["MODE"]


def test_a_get_of_what_is_not_there_is_an_error(world: World) -> None:
    with pytest.raises(Exception, match=r"read plugin 'nowhere': .* 404 PLUGIN_NOT_FOUND.*\(trace id \w+\)"):
        world.provider.read("nowhere", {"name": "nowhere", "__provider": "x"})


# -- secrets


def test_no_variable_and_no_credential_is_in_any_error(world: World) -> None:
    secret = world.settings.service_secret_key or ""
    variables = {"TOKEN": "canary-value"}
    inputs = world.inputs(environment_variables=variables)
    faults: list[dict[str, Any]] = [
        {"status": 400, "code": "BAD_REQUEST", "details": {"echo": "canary-value", "key": secret}},
        {"status": 500, "body": f"Traceback: canary-value {secret}"},
        {"status": 200, "body": "<p>canary-value</p>", "headers": {"Content-Type": "text/html"}},
    ]
    for fault in faults:
        world.platform.faults.add(**fault, method="POST", path="/plugins", times=None)
        said = error_of(lambda: world.create(inputs))
        assert "canary-value" not in said
        assert "[secret]" in said
        assert secret not in said
        world.platform.faults.clear()


def test_a_defect_shows_where_it_is_and_not_what_it_held(world: World, mocker: Any) -> None:
    mocker.patch("biot_provider.api.client.Client.get_plugin", side_effect=RuntimeError("holds canary-value"))
    with pytest.raises(Exception, match="a defect of biot-provider, please report it: RuntimeError") as raised:
        world.provider.read("guard", {"name": "guard"})
    assert "canary-value" not in str(raised.value)
    assert "kind.py" in str(raised.value)


def test_an_update_that_takes_over_the_other_adapters_state_repeats_no_line_of_the_diff(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    state = world.create(world.inputs(environment_variables={"MODE": "strict"}))
    inputs = world.inputs(environment_variables={"MODE": "lenient"}) | {"__provider": "x"}
    assert world.changes(state, inputs)
    assert "the value of MODE changes" in capfd.readouterr().err
    world.update(state, inputs)
    assert capfd.readouterr().err == ""
