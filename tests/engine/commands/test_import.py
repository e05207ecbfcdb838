"""`biot-provider import`, `pulumi import --file`, and what follows, on the real engine."""

from __future__ import annotations

import secrets
import stat
import subprocess
import sys
from typing import Any

import pytest
import yaml

from biot_provider.api.client import Client

from ..conftest import Project, Result

pytestmark = pytest.mark.story

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
HOOK = "https://hooks.acme.example/biot"
PATIENTS = "POST/organization/v1/users/patients"


def biot_provider(project: Project, *arguments: str) -> Result:
    """Run the command line in the project's folder."""
    project.prepare_stack()
    run = subprocess.run(
        [sys.executable, "-m", "biot_provider.cli", *arguments],
        cwd=project.root,
        env=project.environment | {"PULUMI_STACK": project.stack},
        capture_output=True,
        text=True,
    )
    project.config |= yaml.safe_load((project.root / f"stacks/Pulumi.{project.stack}.yaml").read_text())["config"]
    return Result(run.returncode, run.stdout, run.stderr)


def printed(result: Result, heading: str) -> str:
    """The indented paragraph behind a heading."""
    _, _, rest = result.stdout.partition(f"{heading}\n\n")
    lines: list[str] = []
    for line in rest.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line[4:])
    return "\n".join(lines).strip() + "\n"


def import_(project: Project, shown: Result) -> Result:
    """Run the import that the command line names."""
    first, then = printed(shown, "Then, with Pulumi 3.254 or later:").splitlines()
    assert then.split()[:2] == ["pulumi", "preview"]
    return project.pulumi(*first.split()[1:], "--yes").succeeded()


def digest_in(project: Project, name: str) -> str:
    return str(project.resources()[name]["id"]).rpartition(" ")[2]


def by_hand(project: Project, name: str, **config: Any) -> None:
    """Deploy a plugin as people do without this project."""
    project.platform.plugins.create({"name": name, "displayName": name, "version": 1, **config}, None, "http://x")


def test_what_exists_is_imported_with_no_change_then_updated_and_destroyed(project: Project, api: Client) -> None:
    secret = f"canary-{secrets.token_hex(8)}"
    by_hand(
        project,
        "vitals",
        timeout=30,
        environmentVariables={"API_KEY": secret, "MODE": "strict"},
        subscriptions={
            "interceptionOrder": 7,
            "interceptions": [{"type": "PRE_REQUEST", "apiId": PATIENTS}],
            "notifications": [{"entityTypeName": "patient", "actionName": "_create"}],
        },
    )
    user = api.create_service_user({"name": "robot", "roleId": ROLE, "type": "EXTERNAL_SERVICE"})
    endpoint = f"{HOOK}?code={secret}"
    api.subscribe_notification({"entityTypeName": "patient", "actionName": "_update", "endpoint": endpoint})
    api.subscribe_interception({"type": "ADAPT_ENTITY", "entityName": "device", "endpoint": HOOK, "executionOrder": 4})
    ids = [
        "guard=vitals",
        f"robot=ServiceUser:{user.id}",
        f"told=NotificationSubscription:patient _update {endpoint}",
        f"adapts=InterceptionSubscription:ADAPT_ENTITY device {HOOK}",
    ]
    project.forget_requests()
    shown = biot_provider(project, "import", *ids, "--config").succeeded()
    file = project.root / "import.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"{file.name} holds 3 secret values in plain text, readable by you alone" in shown.stdout
    assert secret not in shown.output

    runs = [import_(project, shown)]
    program = printed(shown, "The program must declare:")
    project.program(program)
    runs.append(project.preview("--diff").succeeded())
    assert runs[-1].unchanged
    assert project.requests("POST", "PATCH", "DELETE") == []
    assert project.up("--refresh").succeeded().unchanged
    assert {name: state["id"] for name, state in project.resources().items()} == {
        "guard": "vitals",
        "robot": user.id,
        "told": f"patient _update {HOOK} {digest_in(project, 'told')}",
        "adapts": f"ADAPT_ENTITY device {HOOK}",
    }
    project.set_secret("shop:guard-MODE", "lax")
    refused = biot_provider(project, "import", *ids, "--config", "--out", "b.json")
    refused.failed("the stack's configuration has other values of guard-MODE. What to do: ")
    assert not (project.root / "b.json").exists()
    biot_provider(project, "import", *ids, "--config", "--out", "b.json", "--force").succeeded()
    # What the stack has imported it has as if it had made it.
    project.program(program.replace("timeout=30", "timeout=31"))
    runs.append(project.up("--diff").succeeded())
    assert runs[-1].steps == {"guard": ["update"]}
    assert project.shown("vitals")["timeout"] == 31
    assert project.variables("vitals") == {"API_KEY": secret, "MODE": "strict"}
    assert secret not in project.stored_text() + "".join(run.output + run.event_log for run in runs)
    project.destroy().succeeded()
    assert project.names() == set()
    assert list(api.search_service_users({"name": {"eq": "robot"}})) == []
    assert [*api.search_interceptions({}), *api.search_notifications({})] == []


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_plugin_with_code_is_unchanged_with_the_code_that_its_stamp_names_and_without_code(
    project: Project, is_ours: bool
) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    project.stack = project.stack if is_ours else "prod"
    if is_ours:
        project.pulumi("state", "delete", "--yes", "--all").succeeded()
    project.forget_requests()

    shown = biot_provider(project, "import", "hello=hello", "--code", "hello=plugins/hello").succeeded()
    assert ("belongs to another stack" in shown.stderr) is not is_ours
    import_(project, shown)
    project.program(printed(shown, "The program must declare:"))
    assert project.preview().succeeded().unchanged
    assert project.up("--refresh").succeeded().unchanged
    assert project.resources()["hello"]["outputs"]["code_digest"]

    project.pulumi("state", "unprotect", "--all", "--yes").succeeded()
    project.pulumi("state", "delete", "--yes", "--all").succeeded()
    shown = biot_provider(project, "import", "hello=hello", "--force").succeeded()
    assert ("--code" in shown.stderr) is is_ours
    import_(project, shown)
    project.program(printed(shown, "The program must declare:"))
    assert project.preview().succeeded().unchanged
    assert project.requests("POST", "PATCH", "DELETE") == []


def test_below_a_component_the_imported_resource_is_the_one_that_its_program_declares(project: Project) -> None:
    component = 'group = pulumi.ComponentResource("acme:index:Group", "group")\n'
    project.program(component + 'pulumi.export("urn", group.urn)')
    project.up().succeeded()
    by_hand(project, "vitals", runtime="nodejs22.x", timeout=3)
    shown = biot_provider(project, "import", "vitals=vitals", "--parent", project.outputs()["urn"]).succeeded()
    import_(project, shown)
    project.program(component + printed(shown, "The program must declare:").replace("parent=...", "parent=group"))
    assert project.preview().succeeded().unchanged
    state = project.resources()["vitals"]
    assert state["outputs"]["__owner"] == state["inputs"]["__owner"] == "shop/dev/acme:index:Group::vitals"
