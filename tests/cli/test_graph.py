"""`biot-provider graph`: the platform over HTTP, the plugin.yaml files, what may not be read, and exit codes."""

from __future__ import annotations

import json
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from biot_provider.api.client import Client
from biot_provider.cli import main
from biot_provider.config import Settings
from biot_provider.emulator import Platform

from .conftest import Doctor

PATIENT = "PATCH/organization/v1/users/patients/{id}"
HOOK = "https://hooks.acme.example/biot"
TOKEN = secrets.token_hex(16)

Graph = Callable[..., tuple[int, str, str]]


@pytest.fixture
def graph(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> Graph:
    """Run the command in the project: exit code, output, problems."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["graph", *arguments])
        return (code, *capsys.readouterr())

    return run


def deploy(platform: Platform, name: str, order: int, state: str = "ENABLED", **hooks: object) -> None:
    interceptions = [{"type": "PRE_REQUEST", "apiId": PATIENT}]
    platform.plugins.create(
        {
            "name": name,
            "displayName": name,
            "version": 1,
            "enabledState": state,
            "subscriptions": {"interceptionOrder": order, "interceptions": interceptions, "notifications": []} | hooks,
        },
        None,
    )


def test_the_live_platform_shows_hosted_plugins_and_endpoints_in_their_order(
    graph: Graph, platform: Platform, served: str
) -> None:
    deploy(platform, "guard", 5, notifications=[{"entityTypeName": "patient", "actionName": "_create"}])
    deploy(platform, "audit", 3)
    deploy(platform, "idle", 1, interceptions=[])
    somebody = Client.connect(Settings(served, platform.service_id, platform.service_secret_key))
    somebody.subscribe_interception(
        {"type": "PRE_REQUEST", "apiId": PATIENT, "endpoint": f"{HOOK}/{TOKEN}?code=letmein", "executionOrder": 4}
    )
    somebody.subscribe_notification({"entityTypeName": "patient", "actionName": "_create", "endpoint": HOOK})
    somebody.close()

    code, output, problems = graph("--text")
    assert (code, problems) == (0, "")
    assert output.splitlines()[:8] == [
        f"{PATIENT} (patient)",
        "  before      3  audit",
        f"              4  {HOOK}/...",
        "              5  guard",
        "patient _create",
        "  notifies       guard",
        f"                 {HOOK}",
        "no hook: idle",
    ]
    assert "letmein" not in output
    assert TOKEN not in output
    assert "conflict" not in output
    assert graph("--check")[0] == 0

    code, output, problems = graph("--json")
    assert (code, problems) == (0, "")
    answer = json.loads(output)
    (api,) = answer["apis"]
    assert [(one["name"], one["kind"], one["order"]) for one in api["before"]] == [
        ("audit", "plugin", 3),
        (f"{HOOK}/...", "endpoint", 4),
        ("guard", "plugin", 5),
    ]
    assert (answer["conflicts"], [one["name"] for one in answer["no_hook"]]) == ([], ["idle"])
    assert TOKEN not in output


@pytest.mark.usefixtures("served")
def test_conflicts_are_marked_named_and_an_exit_code_on_request(graph: Graph, platform: Platform) -> None:
    deploy(platform, "guard", 5)
    deploy(platform, "audit", 5)
    deploy(platform, "off", 7, "DISABLED")
    deploy(platform, "lost", 1, interceptions=[{"type": "POST_REQUEST", "apiId": "GET/device/v2/devises"}])

    code, output, problems = graph()
    assert code == 0
    assert output.startswith("flowchart LR\n")
    assert '["5 · audit #9888; equal order"]:::conflict' in output
    assert '["7 · off #9888; disabled"]:::disabled' in output
    assert [line.split(":")[1].strip() for line in problems.splitlines()] == ["never runs", "equal order", "disabled"]
    assert graph("--check")[0] == 1


@pytest.mark.usefixtures("served")
def test_svg_goes_into_a_file_that_appears_whole(graph: Graph, platform: Platform, doctor: Doctor) -> None:
    deploy(platform, "guard", 5)
    assert graph("--svg", "--out", "hooks.svg") == (0, "", "")
    drawing = (doctor.folder / "hooks.svg").read_text(encoding="utf-8")
    assert "5 · guard" in "".join(ET.fromstring(drawing).itertext())
    code, _, problem = graph("--svg", "--out", "nowhere/hooks.svg")
    assert (code, problem) == (
        2,
        "biot-provider: nowhere/hooks.svg cannot be written (No such file or directory) [BIOT-8003]\n",
    )
    assert {path.name for path in doctor.folder.iterdir() if "hooks" in path.name} == {"hooks.svg"}


def test_an_identity_that_may_read_plugins_alone_sees_these_and_what_is_missing(
    graph: Graph, platform: Platform, served: str, doctor: Doctor
) -> None:
    deploy(platform, "guard", 5)
    doctor.as_user(served, platform.add_service_user(permissions={"SETTINGS_PLUGIN_SEARCH"}))
    code, output, _ = graph("--text")
    assert code == 0
    assert "guard" in output
    for permission in (
        "HOOKS_INTERCEPTION_SEARCH",
        "DISPATCHER_SUBSCRIPTIONS_SEARCH",
        "SETTINGS_SEARCH_INTERCEPTION_SUBSCRIPTION_CONFIGURATIONS",
    ):
        assert permission in output

    doctor.as_user(served, platform.add_service_user(permissions=set()))
    code, output, problem = graph("--text")
    assert (code, output) == (2, "")
    assert "403" in problem
    assert len(problem.splitlines()) == 1


@pytest.mark.usefixtures("pauses")
def test_an_unreachable_platform_is_one_line(graph: Graph, doctor: Doctor) -> None:
    doctor.as_user("http://127.0.0.1:9", ("id", "key"))
    code, output, problem = graph()
    assert (code, output, len(problem.splitlines())) == (2, "", 1)


def test_without_configuration_or_with_an_unknown_stack_it_says_what_to_set(graph: Graph) -> None:
    code, _, problem = graph()
    assert code == 2
    assert "biot:baseUrl is not set" in problem
    code, _, problem = graph("--stack", "prod")
    assert code == 2
    assert "there is no stacks/Pulumi.prod.yaml" in problem


def test_where_only_a_stack_has_an_address_it_says_to_name_one(graph: Graph, doctor: Doctor) -> None:
    doctor.stack({"biot:baseUrl": "embedded"})
    _, _, problem = graph()
    assert problem.endswith("; or name a stack with --stack [BIOT-1001]\n")


def test_declared_plugins_are_drawn_with_the_overrides_of_a_stack(graph: Graph, doctor: Doctor) -> None:
    doctor.file(
        "plugins/hello/plugin.yaml",
        f"subscriptions:\n  interceptionOrder: 4\n  interceptions:\n    - {{type: POST_REQUEST, apiId: '{PATIENT}'}}\n",
    )
    doctor.file("plugins/other/plugin.yaml", Path("plugins/hello/plugin.yaml").read_text())
    code, output, _ = graph("--declared", "--text")
    assert code == 0
    assert "  after       4  hello  ! equal order\n              4  other  ! equal order\n" in output
    assert "name a stack with --stack" in output

    doctor.stack({"shop:plugins": {"other": {"subscriptions": {"interceptionOrder": 2}, "enabled": False}}})
    code, output, _ = graph("--declared", "--stack", "dev", "--text")
    assert code == 0
    assert "  after       2  other  ! disabled\n              4  hello\n" in output
    assert "what a Python program declares itself is not shown: `pulumi preview" in output

    code, _, problem = graph("--declared", "--stack", "dev", "--check")
    assert code == 2
    assert "`pulumi preview" in problem

    doctor.file("plugins/hello/plugin.yaml", "subscription: {}\n")
    code, _, problem = graph("--declared")
    assert code == 2
    assert "did you mean 'subscriptions'?" in problem
