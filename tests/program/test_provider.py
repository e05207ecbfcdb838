"""Which connection a resource gets, in a program that runs on Pulumi's mocks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
import pulumi
import biot_provider as biot

found = {}

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        if args.typ.endswith("biot:Plugin"):
            found[args.name] = args.provider.split("::")[-2] if args.provider else "default"
        return args.name, dict(args.inputs)
    def call(self, args):
        return {}

def site(name, parent=None, **opts):
    return pulumi.ComponentResource("acme:net:Site", name, None, pulumi.ResourceOptions(parent=parent, **opts))

async def declare():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=False)
    eu, us = (biot.Provider(name, base_url="embedded") for name in ("eu", "us"))
    named = site("named", providers={"biot": eu})
    parents = {
        "usual": site("usual", provider=eu), "listed": site("listed", providers=[eu]), "named": named,
        "below": site("below", parent=named), "own": named, "none": site("none"),
        "two": site("two", parent=named, provider=us),
    }
    made = []
    for name, parent in parents.items():
        own = {"provider": us} if name == "own" else {}
        try:
            made.append(biot.Plugin(name, opts=pulumi.ResourceOptions(parent=parent, **own)))
        except pulumi.RunError as error:
            found[name] = str(error)
    for plugin in made:
        await plugin.urn.future()

@pulumi.runtime.test
def run():
    return pulumi.Output.from_input(declare()).apply(lambda _: print(json.dumps(found)))

run()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("program")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    names: dict[str, str] = json.loads(done.stdout)
    return names


@pytest.mark.parametrize(
    ("plugin", "provider"),
    [("usual", "eu"), ("listed", "eu"), ("named", "eu"), ("below", "eu"), ("own", "us"), ("none", "default")],
)
def test_a_plugin_below_a_component_gets_its_provider_also_by_the_name_biot(
    plugin: str, provider: str, found: dict[str, str]
) -> None:
    assert found[plugin] == provider


def test_two_providers_of_one_component_are_refused(found: dict[str, str]) -> None:
    assert "two providers are given to what is below it, one of them as 'biot'" in found["two"]
    assert found["two"].endswith("[BIOT-2147]")
