"""The outputs of a resource in a program: made when they are read, and what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import asyncio, copy, json, sys
import pulumi
from pulumi.runtime.stack import massage
import biot_provider as biot

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        if args.name == "refused":
            raise RuntimeError("no such plugin")
        return args.name, {**args.inputs, "version": 3.0, "endpoint_url": "https://here"}
    def call(self, args):
        return {}

def outputs(resource):
    return {name for name, value in dict.items(vars(resource)) if isinstance(value, pulumi.Output)}

async def found():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=False)
    plugin = biot.Plugin("mine", code="code", environment_variables={"A": "1"}, timeout=30)
    before = outputs(plugin)
    later = plugin.endpoint_url.apply(lambda url: url + "/health")
    made = outputs(plugin) - before
    whole = await pulumi.Output.from_input(massage(plugin, [])).future()
    child = biot.Plugin("child", display_name=plugin.endpoint_url, opts=pulumi.ResourceOptions(parent=plugin))
    try:
        plugin.endpoint_ulr
    except AttributeError as error:
        mistake = str(error)
    return {
        "before": sorted(before), "made": sorted(made), "later": await later.future(), "mistake": mistake,
        "same": plugin.version is plugin.version,
        "version": repr(await plugin.version.future()), "timeout": repr(await plugin.timeout.future()),
        "cors": repr(await plugin.cors.future()), "whole": sorted(whole),
        "resources": [resource is plugin for resource in await plugin.version.resources()],
        "secret": await plugin.environment_variables.is_secret(), "plain": await plugin.code.is_secret(),
        "child": await child.display_name.future(),
        "type": str(biot.Plugin.endpoint_url.fget.__annotations__["return"]),
    }

async def copied():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=False)

    class Guard(biot.Plugin):
        def __init__(self, name, team):
            self.team = team
            super().__init__(name, code="code")

    guard = Guard("guard", "red")
    other = copy.copy(guard)
    return {
        "team": guard.team, "copy": await other.endpoint_url.future(), "in": "version" in vars(guard),
        "got": await vars(guard).get("version").future(), "none": vars(guard).get("verison"),
        "all": {*dict(vars(guard))} == {*vars(guard)} == {*vars(other)} and "cors" in {**vars(guard)},
        "count": len(vars(guard)) == len([*vars(guard).values()]),
    }

async def refused():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=False)
    plugin = biot.Plugin("refused")
    return await plugin.endpoint_url.future()

async def refused_unread():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=False)
    biot.Plugin("refused")

@pulumi.runtime.test
def run():
    return pulumi.Output.from_input(globals()[sys.argv[1]]()).apply(lambda found: print(json.dumps(found)))

run()
"""


def run(function: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, function], capture_output=True, text=True, cwd=folder)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = run("found", tmp_path_factory.mktemp("program"))
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_an_output_is_made_when_a_program_reads_it(found: dict[str, Any]) -> None:
    assert found["before"] == ["id", "urn"]
    assert found["made"] == ["endpoint_url"]
    assert found["same"]


def test_an_output_is_of_its_type_and_of_its_resource(found: dict[str, Any]) -> None:
    assert (found["version"], found["timeout"], found["cors"]) == ("3", "30", "None")
    assert found["later"] == "https://here/health"
    assert found["child"] == "https://here"
    assert found["resources"] == [True]
    assert found["type"] == "pulumi.output.Output[str]"


def test_a_name_that_is_no_output_is_an_error(found: dict[str, Any]) -> None:
    assert found["mistake"] == "'Plugin' object has no attribute 'endpoint_ulr'"


def test_an_exported_resource_shows_every_output(found: dict[str, Any]) -> None:
    assert {"id", "urn", "name", "endpoint_url", "version", "environment_variables", "cors"} <= {*found["whole"]}
    assert not [name for name in found["whole"] if name.startswith("_")]


def test_a_resource_can_be_derived_from_copied_and_looked_into(tmp_path: Path) -> None:
    done = run("copied", tmp_path)
    assert done.returncode == 0, done.stderr
    url = "https://here"
    assert json.loads(done.stdout) == {
        "team": "red", "copy": url, "in": True, "got": 3, "none": None, "all": True, "count": True,
    }  # fmt: skip


@pytest.mark.parametrize("function", ["refused", "refused_unread"])
def test_a_resource_that_is_refused_ends_the_program_with_the_reason(function: str, tmp_path: Path) -> None:
    done = run(function, tmp_path)
    assert done.returncode != 0
    assert done.stderr.strip().endswith("RuntimeError: no such plugin"), done.stderr
    assert "never retrieved" not in done.stderr
