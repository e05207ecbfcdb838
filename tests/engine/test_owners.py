"""Whose a plugin is: stacks that share a platform keep out of each other's way unless told to adopt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

HELLO = {"code": "plugins/hello"}


def _stamp_owner(project: Project, name: str) -> str:
    return str(project.shown(name)["environmentVariables"]["PULUMI_BIOT_STAMP"].split(":")[1])


def test_two_stacks_of_one_project_do_not_see_each_others_plugins(project: Project) -> None:
    project.program('biot.Plugin("hello", name=f"hello-{pulumi.get_stack()}", code="plugins/hello")')
    project.up().succeeded()
    project.use_stack("test")
    up = project.up().succeeded()

    assert up.steps == {"hello": ["create"]}
    assert project.names() == {"hello-dev", "hello-test"}
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
    project.destroy().succeeded()
    assert project.names() == {"hello-dev"}
    project.use_stack("dev")
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_another_stacks_plugin_of_the_same_name_is_left_alone_until_adopted_and_then_it_is_ours(
    project: Project,
) -> None:
    project.declare({"hello": HELLO | {"timeout": 5}})
    project.up().succeeded()
    first_owner = _stamp_owner(project, "hello")
    deployed = project.shown("hello")

    project.use_stack("test")
    project.declare({"hello": HELLO | {"timeout": 6}})
    project.up().failed(
        "create plugin 'hello': a plugin of that name exists already and belongs to another stack or resource",
        f"(owner {first_owner})",
        "What to do: choose another name, or set adopt=True",
    )
    assert project.shown("hello") == deployed
    assert project.resources() == {}

    project.declare({"hello": HELLO | {"timeout": 6, "adopt": True}})
    up = project.up().succeeded()
    assert f"warning: plugin 'hello': takes over the existing plugin of owner {first_owner}" in up.output
    adopted = project.shown("hello")
    assert (adopted["timeout"], adopted["endpointUrl"]) == (6, deployed["endpointUrl"])
    second_owner = _stamp_owner(project, "hello")
    assert second_owner != first_owner
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged

    project.use_stack("dev")
    project.declare({"hello": HELLO | {"timeout": 9}})
    project.up().failed(
        "update plugin 'hello': nothing was changed, for the plugin belongs to another stack or resource"
        f" (owner {second_owner})",
    )
    assert project.shown("hello") == adopted
    destroyed = project.destroy().succeeded()
    text = f"plugin 'hello' is left alone: it belongs to another stack or resource by now (owner {second_owner})"
    assert text in destroyed.output
    assert project.shown("hello") == adopted
    assert project.resources() == {}

    project.use_stack("test")
    project.destroy().succeeded()
    assert project.names() == set()


def test_a_plugin_made_by_hand_is_left_alone_until_adopted(project: Project) -> None:
    by_hand = {"name": "hello", "displayName": "By hand", "version": 4, "environmentVariables": {"OLD": "value"}}
    project.platform.plugins.create(by_hand, None, "http://x")
    before = project.shown("hello")
    project.declare({"hello": HELLO})
    project.up().failed("a plugin of that name exists already and carries no stamp", "adopt=True")
    assert project.shown("hello") == before
    project.declare({"hello": HELLO | {"adopt": True}})

    up = project.up().succeeded()

    assert "warning: plugin 'hello': takes over the existing plugin (adopt is set)" in up.output
    assert project.variables("hello") == {}
    assert project.shown("hello")["version"] == 5
    assert project.deployed_files("hello").keys() == {"index.js"}
    assert project.shown("hello")["endpointUrl"] == before["endpointUrl"]
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
    project.destroy().succeeded()
    assert project.names() == set()


def test_adopt_creates_a_plugin_that_is_not_there(project: Project) -> None:
    project.declare({"hello": HELLO | {"adopt": True}})

    assert project.up().succeeded().steps == {"hello": ["create"]}
    project.declare({"hello": HELLO})
    project.forget_requests()

    project.up().succeeded()

    assert project.requests() == []
    assert project.preview("--expect-no-changes").succeeded().unchanged


PARENTS = """
class Site(pulumi.ComponentResource):
    def __init__(self, type_, name, parent=None):
        super().__init__(type_, name, None, pulumi.ResourceOptions(parent=parent))
R = pulumi.ResourceOptions
site = Site("acme:net/site:Site", "a")
room = Site("acme:net:Room", "b", site)
biot.Plugin("main", name="top")
biot.Plugin("stacked", opts=R(parent=pulumi.runtime.get_root_resource()))
biot.Plugin("main", name="site", opts=R(parent=site))
inner = biot.Plugin("main", name="room", opts=R.merge(R(parent=room), R(protect=False)))
biot.Plugin("main", name="below-a-plugin", opts=R(parent=inner))
"""


def test_an_owner_is_what_is_unique_of_the_urn_and_makes_nobody_depend_on_the_parent(project: Project) -> None:
    project.program(PARENTS)
    project.up().succeeded()

    own = "pulumi-python:dynamic/biot:Plugin"
    plugins = [r for r in json.loads(project.state_text())["resources"] if r["type"] == own]
    assert len(plugins) == 5
    for plugin in plugins:
        _, _, types, name = plugin["urn"].split("::")
        parents = types.removesuffix(own).removesuffix("$")
        assert plugin["inputs"]["__owner"] == (f"shop/dev/{parents}::{name}" if parents else f"shop/dev/{name}")
        assert not plugin.get("dependencies")
    assert len({plugin["inputs"]["__owner"] for plugin in plugins}) == 5
    assert len({_stamp_owner(project, plugin["id"]) for plugin in plugins}) == 5
