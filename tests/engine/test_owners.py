"""Ownership of plugins: stacks that share a platform leave each other's plugins alone, except with adopt."""

from __future__ import annotations

import json

from .conftest import Project

HELLO = {"code": "plugins/hello"}


def _stamp_owner(project: Project, name: str) -> str:
    return str(project.shown(name)["environmentVariables"]["PULUMI_BIOT_STAMP"].split(":")[1])


def test_another_stacks_plugin_of_the_same_name_is_left_alone_until_adopted_and_then_it_is_ours(
    project: Project,
) -> None:
    project.declare({"hello": HELLO | {"timeout": 5}})
    project.up().succeeded()
    first_owner = _stamp_owner(project, "hello")
    deployed = project.shown("hello")

    project.stack = "test"
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

    project.stack = "dev"
    project.declare({"hello": HELLO | {"timeout": 9}})
    project.up().failed(
        "update plugin 'hello': nothing was changed, for the plugin belongs to another stack or resource"
        f" (owner {second_owner})",
    )
    destroyed = project.destroy().succeeded()
    text = f"plugin 'hello' is left alone: it belongs to another stack or resource by now (owner {second_owner})"
    assert text in destroyed.output
    assert project.shown("hello") == adopted
    assert project.resources() == {}

    project.stack = "test"
    project.declare({"hello": HELLO | {"timeout": 6}})
    project.up("--refresh", "--expect-no-changes").succeeded()
    project.destroy().succeeded()
    assert project.names() == set()


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
