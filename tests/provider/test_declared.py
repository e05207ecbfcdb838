"""What the resource classes share, in a program that runs on Pulumi's mocks, as users' unit tests do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..uncoded import uncoded

PROGRAM = """
import json, sys
import pulumi

if sys.argv[2] == "other":  # an SDK whose own parts are others: it makes the outputs
    from pulumi.runtime import rpc
    transfer = rpc.transfer_properties
    rpc.transfer_properties = lambda resource, inputs, custom: transfer(resource, inputs, custom)

import biot_provider as biot

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return f"{args.name}-id", dict(args.inputs)
    def call(self, args):
        return {}

async def found():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="dev", preview=sys.argv[1] == "preview")
    parent = pulumi.ComponentResource("acme:net:Site", "site")
    kinds = [
        lambda **opts: biot.Plugin("mine", opts=pulumi.ResourceOptions(**opts)),
        lambda **opts: biot.PluginImage("mine", opts=pulumi.ResourceOptions(**opts)),
        lambda **opts: biot.ServiceUser("mine", role_id="r", type="t", opts=pulumi.ResourceOptions(**opts)),
        lambda **opts: biot.ServiceUserKey("mine", service_user_id="u", opts=pulumi.ResourceOptions(**opts)),
        lambda **opts: biot.InterceptionSubscription(
            "mine", type="t", endpoint="e", opts=pulumi.ResourceOptions(**opts)),
        lambda **opts: biot.NotificationSubscription(
            "mine", entity_type_name="e", action_name="a", endpoint="e", opts=pulumi.ResourceOptions(**opts)),
    ]
    made = [kind(parent=parent) for kind in kinds]
    refusals = []
    for kind in kinds:
        try:
            kind(import_="x")
        except pulumi.RunError as error:
            refusals.append(str(error))
    later = pulumi.Output.from_input("x").apply(lambda text: text)
    resources = {"seed": made[0], "user": made[2], "coded": biot.Plugin("coded", code=later)}
    return {
        "owners": [await vars(resource)["__owner"].future() for resource in made],
        "refusals": refusals,
        "unknown": [f"{name}.{output}" for name, resource in resources.items() for output in (
            "code", "code_digest", "cron_schedule", "cors", "image_tag", "runtime", "version", "endpoint_url",
            "secret_key_expiration_in_minutes", "owner_organization_id", "secret_key",
        ) if hasattr(resource, output) and not await getattr(resource, output).is_known()],
    }

@pulumi.runtime.test
def run():
    return pulumi.Output.from_input(found()).apply(lambda found: print(json.dumps(found)))

run()
"""


SDKS = pytest.mark.parametrize("sdk", ["expected", "other"])


def _found(preview: str, sdk: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", PROGRAM, preview, sdk]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@SDKS
def test_a_preview_knows_what_is_not_given_and_not_what_the_platform_gives(sdk: str, tmp_path: Path) -> None:
    assert set(_found("preview", sdk, tmp_path)["unknown"]) == {
        *("seed.runtime", "seed.version", "seed.endpoint_url"),
        *("coded.code_digest", "coded.runtime", "coded.version", "coded.endpoint_url"),
        *("user.owner_organization_id", "user.secret_key"),
    }


@SDKS
@pytest.mark.parametrize("preview", ["update", "preview"])
def test_unit_tests_with_mocks_see_every_kind_its_owner_and_that_the_import_option_is_refused(
    preview: str, sdk: str, tmp_path: Path
) -> None:
    found = _found(preview, sdk, tmp_path)
    assert found["owners"] == ["shop/dev/acme:net:Site::mine"] * 6
    assert [uncoded(text).partition("What to do: ")[2] for text in found["refusals"]] == [
        "give adopt=True, which takes over the plugin of that name, or run `biot-provider import`",
        "leave it out: a tag that is in the repository already is not pushed again",
        "run `biot-provider import NAME=ServiceUser:<uuid>`",
        "leave it out, which makes a new key: the platform shows a key once; or run `pulumi import --file` with the"
        " inputs and outputs of the stack that made it",
        "leave it out: one that is subscribed already, equal in every part, is taken as this resource's",
        "leave it out: one that is subscribed already, equal in every part, is taken as this resource's",
    ]
