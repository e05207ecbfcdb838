"""Whose a plugin is, what was lost, what others changed: nothing of others is taken, nothing of ours is hidden."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown

from biot_provider.plugin.stamp import owner_hash

from ...uncoded import uncoded
from ..attempts import error_of
from ..conftest import plain
from .stamped import STAMP, zipped

if TYPE_CHECKING:
    from ..conftest import World

pytestmark = pytest.mark.usefixtures("sleeps")

OWNER = "project/stack/guard"


def stamp(world: World) -> list[str]:
    return str(world.live()["environmentVariables"].get(STAMP)).split(":")


def killed(world: World, act: Any) -> None:
    """Carry out an operation whose result is never recorded; the next one runs in a new process."""
    act()
    world.connect()


# -- one plugin, one resource


def test_two_resources_of_one_name_under_parents_of_different_type_are_two(world: World) -> None:
    world.create(world.inputs(owner="project/stack/a:b:First::guard"))
    world.connect()
    said = error_of(lambda: world.create(world.inputs(owner="project/stack/a:b:Second::guard")))
    assert "belongs to another stack or resource" in said
    assert "declare that in its aliases" in said


def test_two_resources_that_declare_one_plugin_fail_in_the_preview(world: World) -> None:
    world.inputs(owner="project/stack/a:b:First::main")
    again = {"name": "guard", "__owner": "project/stack/a:b:Second::other"}
    failures = world.provider.check({}, again).failures
    assert [uncoded(f.reason) for f in failures] == [
        "name: 'guard' is the plugin of resource 'main' too: leave one out"
    ]
    namesake = {"name": "guard", "__owner": "project/stack/a:b:Second::main"}
    failures = world.provider.check({}, namesake).failures
    shown = "a:b:First::main"
    assert [uncoded(f.reason) for f in failures] == [
        f"name: 'guard' is the plugin of resource {shown!r} too: leave one out"
    ]


@pytest.mark.parametrize("operation", ["update", "refresh", "delete"])
def test_a_stamp_from_before_parents_counted_is_recognised(world: World, operation: str) -> None:
    state = world.create(world.inputs(owner=OWNER))
    world.connect()
    owner = "project/stack/a:b:First$c:d:Second::guard"
    if operation == "update":
        state = world.update(state, world.inputs(owner=owner, timeout=9))
        assert stamp(world)[1:] == [owner_hash(owner), "seed", owner_hash(OWNER)]
    elif operation == "refresh":
        world.refreshed(state | {"__owner": owner})
    world.delete(state | {"__owner": owner})
    assert world.names == []


def test_the_same_stack_on_another_backend_says_that_the_plugin_existed_since_when_and_what_it_does(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.create(world.inputs(code=world.code()))
    created = world.live()["creationTime"]
    world.connect()
    world.create(world.inputs(code=world.code(), timeout=9))
    assert capfd.readouterr().err.splitlines() == [
        f"warning: plugin 'guard' existed already, since {created}, with the stamp of this very resource:"
        " it is updated, not created (timeout) [BIOT-5104]"
    ]


def test_adopt_on_a_resource_that_exists_takes_its_plugin_back(world: World) -> None:
    inputs = world.inputs(code=world.code())
    state = world.create(inputs)
    world.create(world.inputs(owner="else/stack/guard", code=world.code("# theirs\n"), adopt=True))
    world.connect()
    adopting = world.inputs(code=world.code(), adopt=True)
    assert world.changes(state, adopting)
    state = world.update(state, adopting)
    assert stamp(world)[1] == owner_hash(OWNER)
    assert stamp(world)[2] == adopting["code_digest"]
    assert not world.changes(state, adopting)

    world.create(world.inputs(owner="else/stack/guard", code=world.code("# theirs\n"), adopt=True))
    state, seen = world.refreshed(state)
    assert seen["adopt"] is False, "the adoption is due again"
    assert world.changes(state, adopting)


def test_without_stamps_anothers_stamp_still_counts(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    state = world.create(world.inputs())
    world.create(world.inputs(owner="else/stack/guard", adopt=True))
    world.connect(stamp=False)
    assert "belongs to another stack" in error_of(lambda: world.update(state, world.inputs(timeout=9)))
    world.delete(state)
    assert world.names == ["guard"]
    assert "is left alone: it belongs to another stack or resource by now" in capfd.readouterr().err


def test_without_stamps_a_create_that_finds_anothers_plugin_after_a_lost_answer_sends_its_code(world: World) -> None:
    world.connect(stamp=False)
    inputs = world.inputs(code=world.code())
    world.platform.faults.add("bad-gateway", method="POST", path="/plugins", when="after")
    state = world.create(inputs)
    assert (world.live()["version"], state["version"]) == (2, 2), "whoever made it, our code runs"


# -- what was lost


def test_our_code_killed_after_the_commit_is_ours_and_not_sent_again(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    inputs = world.inputs(code=world.code("# new\n"))
    killed(world, lambda: world.update(state, inputs))
    state, seen = world.refreshed(state)
    assert seen["code_digest"] == inputs["code_digest"]
    assert not world.changes(state, inputs)
    assert world.live()["version"] == 2


def test_an_image_killed_after_the_commit_is_not_sent_again(world: World) -> None:
    state = world.create(world.inputs(image_tag="wave-1"))
    inputs = world.inputs(image_tag="wave-2")
    killed(world, lambda: world.update(state, inputs))
    state, _ = world.refreshed(state)
    state = world.update(state, inputs)
    assert (state["image_tag"], state["version"], world.live()["version"]) == ("wave-2", 2, 2)
    assert not world.changes(state, inputs)


def test_code_that_was_lost_and_taken_back_is_not_hidden_by_an_update_of_another_field(world: World) -> None:
    first = world.inputs(code=world.code())
    state = world.create(first)
    killed(world, lambda: world.update(state, world.inputs(code=world.code("# lost\n"))))
    inputs = world.inputs(code=world.code(), memory_size=256)
    state = world.update(state, inputs)
    state, _ = world.refreshed(state)
    assert world.changes(state, inputs)
    state = world.update(state, inputs)
    assert stamp(world)[2] == first["code_digest"]
    state, _ = world.refreshed(state)
    assert not world.changes(state, inputs)


def test_code_of_others_is_not_hidden_by_an_update_of_another_field(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.by_hand({"version": 2}, zipped("theirs"))
    inputs = world.inputs(code=world.code(), memory_size=256)
    state = world.update(state, inputs)
    assert not world.changes(state, inputs), "no write puts back what no preview named"
    assert world.platform.code("guard") == zipped("theirs")
    state, seen = world.refreshed(state)
    assert seen["code_digest"] == "deployed elsewhere as version 2"
    state = world.update(state, inputs)
    assert world.live()["version"] == 3
    assert not world.changes(*[world.refreshed(state)[0], inputs])


def test_a_seed_plugin_whose_lost_code_was_taken_back_is_replaced(world: World) -> None:
    inputs = world.inputs()
    state = world.create(inputs)
    killed(world, lambda: world.update(state, world.inputs(code=world.code())))
    state, _ = world.refreshed(state)
    assert world.provider.diff("guard", state, inputs).replaces == ["code"]


def test_others_code_in_a_seed_plugin_stays_and_a_refresh_says_so(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = world.inputs()
    state = world.create(inputs)
    world.by_hand({"version": 2}, zipped("theirs"))
    state, _ = world.refreshed(state)
    assert "version 2 of its code was deployed elsewhere; it stays, since no code is declared" in capfd.readouterr().err
    assert not world.changes(state, inputs)


def test_a_rename_whose_write_landed_unseen_can_be_destroyed(world: World) -> None:
    state = world.create(world.inputs())
    world.connect()
    killed(world, lambda: world.update(state, world.inputs(owner="project/stack/renamed", timeout=9)))
    world.delete(state)
    assert world.names == []


def test_a_new_name_that_others_have_is_refused_before_the_plugin_is_deleted_for_it(world: World) -> None:
    inputs = world.inputs()
    state = world.create(inputs)
    world.platform.plugins.create({"name": "taken", "displayName": "Taken", "version": 1}, None)
    world.create(world.inputs("shop", owner="project/other/shop"))
    renamed = {key: value for key, value in inputs.items() if not key.startswith("code_")}

    def problems(**given: Any) -> list[str]:
        world.connect()
        return [failure.reason for failure in world.provider.check(state, renamed | given).failures]

    there = "name: a plugin of that name exists already and"
    assert problems(name="taken")[0].startswith(f"{there} carries no stamp: choose another name, or set adopt=True")
    assert problems(name="shop")[0].startswith(f"{there} belongs to another stack or resource (owner ")
    for fine in ({"name": "taken", "adopt": True}, {"name": "free"}, {"name": "guard"}):
        assert problems(**fine) == []
    world.create(world.inputs("own", owner=OWNER))  # a rename that was cut off after its create
    assert problems(name="own") == []
    world.platform.faults.add("bad-gateway", method="GET", path="/plugins", times=None)
    assert problems(name="taken") == []  # a preview needs no platform


@pytest.mark.parametrize("stamp", [True, False])
def test_a_new_name_that_another_resource_gives_up_before_is_free_and_two_cannot_swap_theirs(
    stamp: bool, world: World
) -> None:
    world.connect(stamp=stamp)
    first, second = (world.inputs(name, owner=f"project/stack/{name}") for name in ("first", "second"))
    for inputs in (first, second):
        world.create(inputs)

    def problems(inputs: dict[str, Any], name: str) -> int:
        declared = {key: value for key, value in inputs.items() if not key.startswith("code_")}
        return len(world.provider.check(inputs, declared | {"name": name}).failures)

    world.connect()  # another run
    assert [problems(first, "second"), problems(second, "first")] == [1, 1]
    assert [problems(second, "third"), problems(first, "second")] == [0, 0]


def test_a_new_name_that_others_have_is_fine_while_adopt_is_not_known(world: World) -> None:
    inputs = world.inputs()
    world.create(inputs)
    world.create(world.inputs("shop", owner="project/other/shop"))
    world.connect()
    renamed = {key: value for key, value in inputs.items() if not key.startswith("code_")} | {"name": "shop"}
    assert len(world.provider.check(inputs, renamed).failures) == 1
    assert world.provider.check(inputs, renamed | {"adopt": Unknown()}).failures == []


def test_the_former_owner_leaves_the_stamp_with_the_next_write(world: World) -> None:
    state = world.create(world.inputs())
    world.connect()
    state = world.update(state, world.inputs(owner="project/stack/renamed", timeout=9))
    assert stamp(world)[3:] == [owner_hash(OWNER)]
    world.update(state, world.inputs(owner="project/stack/renamed", timeout=10))
    assert stamp(world)[3:] == []


def test_a_stack_that_was_renamed_stamps_its_plugins_anew_and_one_of_the_former_name_cannot_have_them(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    former = world.inputs()
    state = world.create(former)
    inputs = world.inputs(owner="project/renamed/guard")
    world.connect()
    assert world.provider.diff("guard", state, inputs).changes
    assert "plugin 'guard': its stamp passes from stack project/stack to project/renamed" in capfd.readouterr().err
    state = world.update(state, inputs)
    assert not world.changes(state, inputs)
    assert "belongs to another stack or resource" in error_of(lambda: world.create(former))
    world.delete(state)
    assert world.names == []


def test_a_stack_without_stamps_that_was_renamed_is_unchanged(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.connect(stamp=False)
    state = world.create(world.inputs())
    inputs = world.inputs(owner="project/renamed/guard")
    assert not world.changes(state, inputs)
    assert capfd.readouterr().err == ""


def test_a_refresh_of_a_plugin_that_a_stack_only_reads_says_that_nothing_is_to_be_done(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.create(world.inputs())
    world.connect()
    read = world.provider.read("guard", {"name": "guard", "__owner": "project/reader/found"})
    world.refreshed(plain(read.outs))
    assert "What to do: " in (said := capfd.readouterr().err)
    assert said.strip().endswith("; nothing where the program only reads it by get [BIOT-5107]")


def test_a_rename_of_a_plugin_whose_variables_leave_no_room_is_written_without_the_former_owner(world: World) -> None:
    state = world.create(world.inputs(environment_variables={"AA": "x"}))
    taken = len(json.dumps(world.live()["environmentVariables"], separators=(",", ":")).encode())
    full = {"AA": "x" * (4096 - taken + 1)}
    state = world.update(state, world.inputs(environment_variables=full))
    world.connect()
    world.update(state, world.inputs(owner="project/stack/renamed", environment_variables=full, timeout=9))
    assert stamp(world)[1:2] + stamp(world)[3:] == [owner_hash("project/stack/renamed")]
    assert world.live()["timeout"] == 9


def test_after_a_failed_rollback_what_was_never_sent_again_does_not_count_as_done(world: World) -> None:
    state = world.create(world.inputs())
    world.platform.faults.add("rollback-failed", method="PATCH", when="after")
    world.platform.faults.add("bad-gateway", method="PATCH", when="before", times=None)
    said = error_of(lambda: world.update(state, world.inputs(timeout=9)))
    assert "does not show the change" in said


# -- replacements that keep the plugin


def replaced(world: World, inputs: dict[str, Any]) -> dict[str, Any]:
    """What the engine does for a replacement that is made before the old one goes: it checks without the old inputs."""
    world.provider.check({}, inputs)
    return world.create(inputs)


@pytest.mark.parametrize("then", ["nothing", "a refresh", "another change"])
def test_a_pending_delete_in_another_process_leaves_the_replacement_alone(
    world: World, capfd: pytest.CaptureFixture[str], then: str
) -> None:
    inputs = world.inputs(image_tag="wave-1")
    old = world.create(inputs)
    new = replaced(world, inputs)
    world.connect()
    if then == "a refresh":
        old, new = world.refreshed(old)[0], world.refreshed(new)[0]
    if then == "another change":
        inputs = world.inputs(image_tag="wave-1", timeout=9)
        assert world.changes(new, inputs)
        new = world.update(new, inputs)
    assert not world.changes(new, inputs)
    world.delete(old)
    assert world.names == ["guard"]
    assert "is kept, not made anew: its replacement has taken it over" in capfd.readouterr().err
    world.connect()
    world.delete(new)
    assert world.names == []


def test_a_replacement_in_one_run_leaves_the_plugin_alone(world: World) -> None:
    inputs = world.inputs(image_tag="wave-1")
    old = world.create(inputs)
    replaced(world, inputs)
    world.delete(old)
    assert world.names == ["guard"]


def test_a_destroy_deletes_a_plugin_that_is_in_state_twice(world: World) -> None:
    inputs = world.inputs(image_tag="wave-1")
    old = world.create(inputs)
    new = replaced(world, inputs)
    world.connect()
    world.delete(old)
    world.delete(new)
    assert world.names == []


def test_a_replacement_that_was_killed_leaves_nothing_that_cannot_be_destroyed(world: World) -> None:
    inputs = world.inputs(image_tag="wave-1")
    old = world.create(inputs)
    killed(world, lambda: replaced(world, inputs))
    world.delete(old)
    assert world.names == []


def test_a_replacement_of_a_plugin_that_was_deleted_in_the_console_is_not_deleted(world: World) -> None:
    inputs = world.inputs(image_tag="wave-1")
    old = world.create(inputs)
    world.platform.plugins.delete("Plugin-guard")
    world.platform.images.add("wave-1")
    new = replaced(world, inputs)
    world.delete(old)
    assert world.names == ["guard"]
    world.delete(new)
    assert world.names == []


def test_a_resource_that_moves_under_a_parent_without_an_alias_keeps_a_plugin_of_an_older_stamp(world: World) -> None:
    old = world.create(world.inputs(owner=OWNER))
    world.connect()
    new = world.create(world.inputs(owner="project/stack/a:b:First::guard"))
    world.delete(old)
    assert world.names == ["guard"]
    world.connect()
    world.delete(new)
    assert world.names == []


def test_an_image_plugin_that_was_made_anew_as_a_zip_is_gone_and_its_successor_is_continued_with(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = world.inputs(image_tag="wave-1")
    state = world.create(inputs)
    variables = {STAMP: world.live()["environmentVariables"][STAMP]}
    world.platform.plugins.delete("Plugin-guard")
    world.platform.images.add("wave-1")
    config = {"name": "guard", "displayName": "guard", "version": 1, "environmentVariables": variables}
    world.platform.plugins.create(config, None, "http://x")
    assert not world.provider.read("guard", state).id, "this state may be one that is to be deleted"
    assert "its stamp is this resource's, so `pulumi up` continues with it" in capfd.readouterr().err
    world.create(inputs)
    assert world.live()["deploymentPackageType"] == "IMAGE"


# -- a write carries what the preview named


def test_a_code_update_leaves_variables_of_the_console_alone(world: World) -> None:
    state = world.create(world.inputs(code=world.code(), environment_variables={"MODE": "strict", "OLD": "1"}))
    by_hand = {k: v for k, v in world.live()["environmentVariables"].items() if k == STAMP}
    world.by_hand({"environmentVariables": by_hand | {"MODE": "lax", "MORE": "x"}})
    inputs = world.inputs(code=world.code("# new\n"), environment_variables={"MODE": "strict", "OLD": "1"})
    state = world.update(state, inputs)
    variables = {k: v for k, v in world.live()["environmentVariables"].items() if not k.startswith("BIOT_")}
    assert variables == {"MODE": "lax", "MORE": "x", STAMP: f"v1:{owner_hash(OWNER)}:{inputs['code_digest']}"}
    assert not world.changes(state, inputs)
    state, _ = world.refreshed(state)
    assert world.changes(state, inputs), "the drift shows in a refresh"


def test_a_change_of_one_variable_leaves_the_consoles_others_alone(world: World) -> None:
    state = world.create(world.inputs(environment_variables={"A1": "1", "B1": "1", "C1": "1"}))
    by_hand = {k: v for k, v in world.live()["environmentVariables"].items() if k == STAMP}
    world.by_hand({"environmentVariables": by_hand | {"A1": "drift", "C1": "1", "D1": "new"}})
    world.update(state, world.inputs(environment_variables={"A1": "1", "B1": "1", "E1": "2"}))
    variables = {k: v for k, v in world.live()["environmentVariables"].items() if k[:4] not in ("BIOT", "PULU")}
    assert variables == {"A1": "drift", "D1": "new", "E1": "2"}


def test_a_change_of_one_interception_leaves_the_consoles_others_alone(world: World) -> None:
    def subscriptions(*apis: str) -> dict[str, Any]:
        return {"interceptions": [{"type": "PRE_REQUEST", "api_id": api} for api in apis]}

    first, second, third = ("POST/organization/v1/users/patients", "GET/device/v2/devices", "POST/device/v2/devices")
    state = world.create(world.inputs(subscriptions=subscriptions(first)))
    both = {"interceptionOrder": 1, "interceptions": [{"type": "PRE_REQUEST", "apiId": a} for a in (first, second)]}
    world.by_hand({"subscriptions": both | {"notifications": []}})
    world.update(state, world.inputs(subscriptions=subscriptions(first, third)))
    live = [item["apiId"] for item in world.live()["subscriptions"]["interceptions"]]
    assert live == [first, second, third]


def test_drift_of_one_field_and_our_change_of_another_previews_unchanged(world: World) -> None:
    state = world.create(world.inputs())
    world.by_hand({"memorySize": 512})
    inputs = world.inputs(timeout=9)
    state = world.update(state, inputs)
    assert world.requests("PATCH")[-1]["config"] == {"timeout": 9}
    assert not world.changes(state, inputs)
    assert state["memory_size"] == 128
    state, seen = world.refreshed(state)
    assert seen["memory_size"] == 512
    assert world.changes(state, inputs)


# -- values that only the platform knows


def test_what_ignore_changes_puts_back_from_the_platform_is_no_bad_input(world: World) -> None:
    state = world.create(world.inputs())
    world.platform.edits.change("plugin", "guard", "enabledState", "SUSPENDED")
    world.platform.edits.change("plugin", "guard", "cors.allowMethods[+]", "OPTIONS")
    state, seen = world.refreshed(state)
    given = {"name": "guard", "__owner": OWNER, "timeout": 9, "enabled_state": "SUSPENDED", "cors": seen["cors"]}
    result = world.provider.check(seen, given)
    assert result.failures == []
    assert (result.inputs["enabled_state"], result.inputs["cors"]) == ("SUSPENDED", seen["cors"])
    state = world.update(state, result.inputs)
    assert world.requests("PATCH")[-1]["config"] == {"timeout": 9}
    failures = world.provider.check(seen, given | {"enabled_state": "PAUSED"}).failures
    assert ["enabled_state" in f.reason for f in failures] == [True]


def test_what_the_platform_hides_of_a_plugin_that_a_create_continues_with_is_sent(world: World) -> None:
    world.platform.contract_variants.set(absent="omitted")
    world.create(world.inputs())
    world.connect()
    inputs = world.inputs(cors={"allow_origins": ["https://a.example"]})
    world.create(inputs)
    assert world.live()["cors"]["allowOrigins"] == ["https://a.example"]


def test_a_create_that_continues_leaves_its_own_stamp(world: World) -> None:
    world.create(world.inputs(owner=OWNER))
    world.connect()
    owner = "project/stack/a:b:First::guard"
    world.create(world.inputs(owner=owner))
    assert stamp(world)[1] == owner_hash(owner)


def test_an_adoption_without_stamps_takes_anothers_stamp_away_and_stays(world: World) -> None:
    world.create(world.inputs(owner="else/stack/guard"))
    world.connect(stamp=False)
    inputs = world.inputs(adopt=True)
    state = world.create(inputs)
    assert STAMP not in world.live()["environmentVariables"]
    state, _ = world.refreshed(state)
    assert not world.changes(state, inputs)


def test_a_replacement_of_another_package_type_is_kept_by_a_later_run(world: World) -> None:
    old = world.create(world.inputs())
    inputs = world.inputs(image_tag="wave-1")
    new = replaced(world, inputs)
    world.connect()
    assert not world.provider.read("guard", old).id
    new, _ = world.refreshed(new)
    assert not world.changes(new, inputs)
    world.delete(old)
    assert world.names == ["guard"]


def test_a_plugin_made_by_hand_is_known_by_its_address_where_no_time_is_shown(world: World) -> None:
    world.platform.variants.add("plugin", "creationTime", None)
    state = world.create(world.inputs())
    world.platform.edits.remake("guard")
    assert "not the plugin that this stack deployed" in error_of(lambda: world.update(state, world.inputs(timeout=9)))
    world.delete(state)
    assert world.names == ["guard"]


def test_a_plugin_that_the_platform_does_not_let_go_is_deleted_once(world: World) -> None:
    world.create(world.inputs(image_tag="wave-1"))
    world.connect()
    world.platform.faults.add(status=204, body="", method="DELETE", path="/plugins", times=None)
    said = error_of(lambda: world.create(world.inputs(code=world.code())))
    assert "the platform still has the one that was deleted for it" in said
    assert len(world.requests("DELETE")) == 1
