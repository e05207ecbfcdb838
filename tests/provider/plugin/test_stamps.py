"""The owner of a plugin by its stamp: this stack, another one, or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator import Platform
from biot_provider.plugin.stamp import owner_hash

from ...uncoded import uncoded
from ..attempts import error_of
from .stamped import STAMP, zipped

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import World


pytestmark = pytest.mark.usefixtures("sleeps")
ELSEWHERE = "other-project/stack/guard"


# -- other owners


def test_a_plugin_of_our_own_stamp_is_gone_on_with(world: World) -> None:
    first = world.create(world.inputs(code=world.code()))
    inputs = world.inputs(code=world.code(), timeout=30)
    state = world.create(inputs)  # nothing of the first create was recorded
    assert state["creation_time"] == first["creation_time"]
    assert [r["config"] for r in world.requests("PATCH")] == [{"timeout": 30}]
    assert not world.changes(state, inputs)


def test_an_interrupted_create_of_other_code_is_brought_to_the_new_code(world: World) -> None:
    world.create(world.inputs(code=world.code()))
    inputs = world.inputs(code=world.code("# new\n"))
    state = world.create(inputs)
    assert (state["version"], world.live()["version"]) == (2, 2)
    assert state["code_digest"] == inputs["code_digest"]


@pytest.mark.parametrize(
    ("left", "declared"),
    [
        ({"code": True}, {}),
        ({"code": True}, {"image_tag": "wave-1"}),
        ({"image_tag": "wave-1"}, {"code": True}),
    ],
)
def test_what_an_interrupted_create_left_is_made_anew_where_it_cannot_change(
    world: World, capfd: pytest.CaptureFixture[str], left: dict[str, Any], declared: dict[str, Any]
) -> None:
    def given(arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | ({"code": world.code()} if "code" in arguments else {})

    world.create(world.inputs(**given(left)))
    inputs = world.inputs(**given(declared))
    state = world.create(inputs)
    assert world.names == ["guard"]
    assert "made anew" in capfd.readouterr().err
    assert world.live()["deploymentPackageType"] == ("IMAGE" if "image_tag" in declared else "ZIP")
    assert (world.platform.code("guard") is None) == ("code" not in declared)
    assert not world.changes(state, inputs)


def test_anothers_plugin_is_not_touched_and_the_error_names_the_owner_and_adopt(world: World) -> None:
    world.create(world.inputs(owner=ELSEWHERE))
    before = world.live()
    said = error_of(lambda: world.create(world.inputs(timeout=30)))
    assert "a plugin of that name exists already and belongs to another stack or resource" in said
    assert f"(owner {owner_hash(ELSEWHERE)})" in said
    assert "set adopt=True to take it over" in said
    assert world.live() == before


def test_a_plugin_without_a_stamp_is_not_touched_either(world: World) -> None:
    world.platform.plugins.create({"name": "guard", "displayName": "By hand", "version": 4}, None, "http://x")
    before = world.live()
    said = error_of(lambda: world.create(world.inputs()))
    assert "exists already and carries no stamp" in said
    assert "adopt=True" in said
    assert world.live() == before


def test_adopt_takes_over_a_plugin_made_by_hand_and_sends_our_code_as_the_next_version(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    config = {"name": "guard", "displayName": "By hand", "version": 4, "environmentVariables": {"OLD": "x1"}}
    world.platform.plugins.create(config, zipped("old"), "http://x")
    inputs = world.inputs(code=world.code(), adopt=True)
    state = world.create(inputs)
    assert "warning: plugin 'guard': takes over the existing plugin (adopt is set)" in capfd.readouterr().err
    assert world.live()["version"] == state["version"] == 5
    assert world.live()["displayName"] == "guard"
    assert "OLD" not in world.live()["environmentVariables"]
    assert not world.changes(state, inputs)


def test_adopt_takes_over_another_stacks_plugin_and_the_warning_names_that_owner(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    theirs = world.create(world.inputs(owner=ELSEWHERE))
    world.create(world.inputs(adopt=True))
    assert f"takes over the existing plugin of owner {owner_hash(ELSEWHERE)}" in capfd.readouterr().err
    assert f":{owner_hash('project/stack/guard')}:" in world.live()["environmentVariables"][STAMP]
    world.connect()
    world.delete(theirs)
    assert "is left alone: it belongs to another stack or resource by now (owner" in capfd.readouterr().err
    assert world.names == ["guard"]


def test_a_package_type_that_cannot_change_stops_an_adoption(world: World) -> None:
    world.platform.plugins.create(
        {"name": "guard", "displayName": "x", "version": 1, "deploymentPackageType": "IMAGE"}, None, "http://x"
    )
    said = error_of(lambda: world.create(world.inputs(adopt=True)))
    assert "the existing plugin is of package type IMAGE, which cannot change" in said


@pytest.mark.parametrize(("fault", "patches"), [("gateway-timeout", 1), ("bad-gateway", 2)])
def test_an_adoption_whose_answer_was_lost_leaves_our_stamp_and_is_sent_again_only_if_needed(
    world: World, fault: str, patches: int
) -> None:
    world.platform.plugins.create({"name": "guard", "displayName": "By hand", "version": 4}, None, "http://x")
    world.platform.faults.add(fault, method="PATCH")
    world.create(world.inputs(adopt=True))
    assert len(world.requests("PATCH")) == patches
    assert f":{owner_hash('project/stack/guard')}:" in world.live()["environmentVariables"][STAMP]


def test_an_adoption_that_needs_nothing_but_the_stamp_still_gets_it_after_a_lost_write(world: World) -> None:
    inputs = world.inputs(adopt=True, timeout=60, runtime="nodejs16.x")
    world.platform.plugins.create(
        {"name": "guard", "displayName": "guard", "version": 1, "timeout": 60}, None, "http://x"
    )
    world.platform.faults.add("bad-gateway", method="PATCH")
    world.create(inputs)
    assert [set(request["config"]) for request in world.requests("PATCH")] == [{"environmentVariables"}] * 2
    assert STAMP in world.live()["environmentVariables"]


@pytest.mark.parametrize("change", [{"timeout": 30}, {"code": "# new\n"}])
def test_a_renamed_stack_keeps_its_plugins(world: World, change: dict[str, Any]) -> None:
    state = world.create(world.inputs(code=world.code()))
    given = {"code": world.code(change["code"])} if "code" in change else {"code": world.code(), **change}
    state = world.update(state, world.inputs(owner="project/renamed/guard", **given))
    assert f":{owner_hash('project/renamed/guard')}:" in world.live()["environmentVariables"][STAMP]
    world.delete(state)
    assert world.names == []


# -- without stamps


def test_without_stamps_no_variable_is_added(world: World) -> None:
    world.connect(stamp=False)
    inputs = world.inputs(code=world.code(), environment_variables={"MODE": "strict"})
    state = world.create(inputs)
    state = world.update(state, world.inputs(code=world.code("# new\n"), environment_variables={"MODE": "strict"}))
    assert not any(key.startswith("PULUMI") for key in world.live()["environmentVariables"])
    assert world.requests("PATCH")[0]["config"] == {"version": 2}
    assert world.refreshed(state)[0]["code_digest"] == state["code_digest"]


def test_without_stamps_an_existing_plugin_is_anothers_even_after_a_gateways_error(world: World) -> None:
    world.connect(stamp=False)
    config = {"name": "guard", "displayName": "guard", "version": 1}
    world.platform.plugins.create(config, None, "http://x")
    world.platform.faults.add("bad-gateway", method="POST", path="/plugins")
    assert "a plugin of that name exists already" in error_of(lambda: world.create(world.inputs()))


def test_without_stamps_an_unclear_change_of_configuration_sends_no_code(world: World) -> None:
    world.connect(stamp=False)
    state = world.create(world.inputs(code=world.code()))
    world.platform.faults.add("bad-gateway", method="PATCH")
    state = world.update(state, world.inputs(code=world.code(), timeout=30))
    assert [[part["name"] for part in r["parts"]] for r in world.requests("PATCH")] == [["config"], ["config"]]
    assert state["version"] == 1


def test_stamps_turned_off_later_leave_no_drift_behind(world: World) -> None:
    state = world.create(world.inputs(code=world.code()))
    world.connect(stamp=False)
    inputs = world.inputs(code=world.code("# new\n"))
    state = world.update(state, inputs)
    state, _ = world.refreshed(state)
    assert not world.changes(state, inputs)
    world.delete(state)
    assert world.names == []


def test_an_update_of_a_plugin_another_stack_took_over_changes_nothing_and_names_that_owner(world: World) -> None:
    state = world.create(world.inputs())
    world.create(world.inputs(owner="project/other/guard", adopt=True))
    written = world.writes()
    with pytest.raises(Exception, match="belongs to another stack") as caught:
        world.update(state, world.inputs(timeout=9))
    assert owner_hash("project/other/guard") in str(caught.value)
    assert "biot:baseUrl" in str(caught.value)
    assert world.writes() == written
    state = world.update(state, world.inputs(timeout=9, adopt=True))
    assert world.live()["timeout"] == 9


def test_an_update_against_another_platforms_plugin_of_that_name_changes_nothing(world: World, tmp_path: Path) -> None:
    state = world.create(world.inputs())
    del state["__platform"]  # as states were kept before
    other = tmp_path / "other"
    with Platform(other) as platform:
        platform.plugins.create({"name": "guard", "displayName": "Theirs", "version": 1}, None, "http://other")
        world.connect(base_url=f"embedded:{other}")
        with pytest.raises(Exception, match="not the plugin that this stack deployed"):
            world.update(state, world.inputs(timeout=9))
        assert platform.requests() != []
        assert {request["method"] for request in platform.requests()} == {"GET", "POST"}  # the POST is the login
        assert platform.plugins.get("Plugin-guard")["displayName"] == "Theirs"


OPERATIONS = {
    "compare": lambda world, state: world.changes(state, world.inputs(timeout=9)),
    "read": lambda world, state: world.refreshed(state),
    "update": lambda world, state: world.update(state, world.inputs(timeout=9)),
    "delete": lambda world, state: world.delete(state),
}


@pytest.mark.parametrize("there", ["nothing", "another's", "one made by hand"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_at_another_platform_nothing_is_written_and_nothing_is_forgotten(
    world: World, tmp_path: Path, operation: str, there: str
) -> None:
    state = world.create(world.inputs())
    first, other = world.settings.base_url, tmp_path / "other"
    theirs = {"name": "guard", "displayName": "Theirs", "version": 1}
    if there == "another's":
        theirs["environmentVariables"] = {STAMP: f"v1:{owner_hash('else/stack/guard')}:seed"}
    with Platform(other) as platform:
        if there != "nothing":
            platform.plugins.create(theirs, None, "http://other")
        world.connect(base_url=f"embedded:{other}")
        said = error_of(lambda: OPERATIONS[operation](world, state))
        assert uncoded(said) == (
            f"{operation} plugin 'guard': this stack deployed it to {first}, and embedded:{other}, which is configured"
            " now, has no plugin 'guard' of this stack. What to do: correct the address"
            f" (`pulumi config set biot:baseUrl {first}`, or base_url of its biot.Provider);"
            " or, to leave it there and start anew here, `pulumi state delete` it"
        )
        assert {request["method"] for request in platform.requests()} == {"GET", "POST"}  # the POST is the login
        assert len(platform.plugins.search({})["data"]) == (there != "nothing")
    assert world.names == ["guard"]


@pytest.mark.parametrize("stamp", [True, False])
def test_a_platform_under_a_new_address_is_gone_on_with_and_recorded(world: World, stamp: bool) -> None:
    world.connect(stamp=stamp)
    state = world.create(world.inputs())
    assert state["__platform"] == world.settings.base_url
    new = world.settings.base_url.replace("127.0.0.1", "localhost")
    world.connect(base_url=new)
    assert not world.changes(state, world.inputs())
    refreshed, inputs = world.refreshed(state)
    assert refreshed["__platform"] == new
    assert "__platform" not in inputs
    assert world.update(state, world.inputs(timeout=9))["__platform"] == new
    world.delete(state)
    assert world.names == []


def test_a_state_from_before_addresses_were_recorded_gets_one_and_is_no_change(world: World) -> None:
    state = world.create(world.inputs())
    older = {key: value for key, value in state.items() if key != "__platform"}
    asked = len(world.requests())
    assert not world.changes(older, world.inputs())
    assert len(world.requests()) == asked
    assert world.refreshed(older)[0] == state
