"""Ownership of plugins: stacks that share a platform leave each other's plugins alone, except with adopt."""

from __future__ import annotations

import json

from biot_provider.emulator import Platform

from .conftest import Project


def _stamp_owner(project: Project, name: str) -> str:
    return str(project.shown(name)["environmentVariables"]["PULUMI_BIOT_STAMP"].split(":")[1])


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


def test_owners_are_of_the_urn_and_another_stacks_plugins_are_left_alone_until_adopted(project: Project) -> None:
    """What becomes of each of the two stacks' later runs, tests/provider/plugin/test_lifecycle.py shows."""
    project.program(f'{PARENTS}\nbiot.Plugin("hello", timeout=5)\nbiot.Plugin("shared", timeout=5)')
    project.up().succeeded()
    _an_owner_is_what_is_unique_of_the_urn_and_makes_nobody_depend_on_the_parent(project)
    first_owners = {name: _stamp_owner(project, name) for name in ("hello", "shared")}
    deployed = {name: project.shown(name) for name in first_owners}

    project.stack = "test"
    project.declare({"hello": {"timeout": 6}, "shared": {"timeout": 6, "adopt": True}})
    up = project.up("--continue-on-error").failed(
        "create plugin 'hello': a plugin of that name exists already and belongs to another stack or resource",
        f"(owner {first_owners['hello']})",
        "What to do: choose another name, or set adopt=True",
    )
    assert project.shown("hello") == deployed["hello"]
    assert project.resources().keys() == {"shared"}
    assert f"warning: plugin 'shared': takes over the existing plugin of owner {first_owners['shared']}" in up.output
    adopted = project.shown("shared")
    assert (adopted["timeout"], adopted["endpointUrl"]) == (6, deployed["shared"]["endpointUrl"])
    owner = _stamp_owner(project, "shared")
    assert owner != first_owners["shared"]

    project.stack = "dev"
    _a_wrong_address_stops_a_run_before_anything_is_written_and_no_plugin_is_forgotten(project)

    # Without the program, a run goes where the plugins were deployed, whatever is configured.
    destroyed = project.destroy().succeeded()
    text = f"plugin 'shared' is left alone: it belongs to another stack or resource by now (owner {owner})"
    assert text in destroyed.output
    assert project.shown("shared") == adopted
    assert project.names() == {"shared"}
    assert project.resources() == {}


def _a_wrong_address_stops_a_run_before_anything_is_written_and_no_plugin_is_forgotten(project: Project) -> None:
    right = project.config["biot:baseUrl"]
    wrong = f"embedded:{project.folder / 'production'}"
    project.config["biot:baseUrl"] = wrong
    project.declare({"hello": {"timeout": 9}, "new": {}})
    before = project.resources()
    report = f"deployed it to {right}, and {wrong}, which is configured now, has no plugin 'hello' of this stack"
    for arguments in (["up", "--yes"], ["refresh", "--yes", "--run-program"]):
        project.pulumi(*arguments).failed(report)
    with Platform(project.folder / "production") as production:
        assert production.plugins.search({})["data"] == []
    assert project.resources().keys() == before.keys()


def _an_owner_is_what_is_unique_of_the_urn_and_makes_nobody_depend_on_the_parent(project: Project) -> None:
    own = "pulumi-python:dynamic/biot:Plugin"
    plugins = [r for r in json.loads(project.state_text())["resources"] if r["type"] == own]
    assert len(plugins) == 7
    for plugin in plugins:
        _, _, types, name = plugin["urn"].split("::")
        parents = types.removesuffix(own).removesuffix("$")
        assert plugin["inputs"]["__owner"] == (f"shop/dev/{parents}::{name}" if parents else f"shop/dev/{name}")
        assert not plugin.get("dependencies")
    assert len({plugin["inputs"]["__owner"] for plugin in plugins}) == 7
    assert len({_stamp_owner(project, plugin["id"]) for plugin in plugins}) == 7
