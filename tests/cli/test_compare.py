"""`biot-provider compare`: two platforms over HTTP, its outputs and exit codes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biot_provider.cli import main
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from .conftest import Doctor

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "other") as platform:
        yield platform


@pytest.fixture
def run(doctor: Doctor, platform: Platform, other: Platform, tmp_path: Path, capsys: Any) -> Run:
    """Run the command in a project with the stacks `dev` and `prod`: exit code, output, problems."""
    doctor.stack({"biot:baseUrl": f"embedded:{tmp_path / 'data'}"})
    doctor.file("stacks/Pulumi.prod.yaml", f"config: {{'biot:baseUrl': 'embedded:{tmp_path / 'other'}'}}\n")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["compare", *arguments])
        return (code, *capsys.readouterr())

    return run


def deploy(platform: Platform, name: str, **given: Any) -> None:
    variables = {"PULUMI_BIOT_STAMP": f"v1:{secrets.token_hex(6)}:{'a' * 64}"} | given.pop("variables", {})
    config = {"name": name, "displayName": name, "version": 1, "environmentVariables": variables}
    platform.plugins.create(config | given, None)


def test_two_platforms_with_the_same_plugins_are_equal_whoever_owns_them(
    run: Run, platform: Platform, other: Platform
) -> None:
    assert run("dev", "prod") == (0, "no plugin in either\n", "")
    for place in (platform, other):
        deploy(place, "guard", variables={"MODE": "strict"})
    assert run("dev", "platform:prod") == (0, "guard: equal\n1 equal\n", "")
    assert run("dev", "prod", "--markdown") == (0, "**1 equal**\n", "")
    assert run("dev", "dev")[0] == 0


def test_what_differs_is_named_in_every_form_and_no_secret_is(run: Run, platform: Platform, other: Platform) -> None:
    token, other_token = secrets.token_hex(8), secrets.token_hex(8)
    deploy(platform, "guard", memorySize=128, variables={"TOKEN": token}, displayName="a|b`c` <b>")
    deploy(other, "guard", memorySize=256, variables={"TOKEN": other_token}, displayName="guard")
    deploy(platform, "mine")
    deploy(other, "theirs")

    code, text, problems = run("dev", "prod")
    assert (code, problems) == (1, "")
    lines = text.splitlines()
    assert [line.split() for line in lines if "memory_size" in line] == [["memory_size", "128", "256"]]
    assert lines[-3:] == ["mine: only in dev", "theirs: only in prod", "1 different, 1 only in dev, 1 only in prod"]

    code, shown, _ = run("dev", "prod", "--json")
    answer = json.loads(shown)
    assert code == 1
    assert (answer["a"], answer["b"], answer["equal"]) == ("dev", "prod", False)
    assert [(one["name"], one["result"]) for one in answer["plugins"]] == [
        ("guard", "different"),
        ("mine", "only_a"),
        ("theirs", "only_b"),
    ]
    assert [one["field"] for one in answer["plugins"][0]["differences"]] == [
        "display_name",
        "environment_variables.TOKEN",
        "memory_size",
    ]

    code, markdown, _ = run("dev", "prod", "--markdown")
    assert code == 1
    assert "| `guard` | `memory_size` | `128` | `256` |" in markdown
    assert "| `guard` | `display_name` | `` a\\|b`c` <b> `` | `guard` |" in markdown
    assert "| `mine` | is there | yes |  |" in markdown
    for secret in (token, other_token):
        assert secret not in text + shown + markdown


def test_fields_and_plugins_that_are_left_out_do_not_count(run: Run, platform: Platform, other: Platform) -> None:
    deploy(platform, "guard", timeout=5, variables={"URL": "a"})
    deploy(other, "guard", timeout=7, variables={"URL": "b"})
    deploy(platform, "mine")
    assert run("dev", "prod", "--plugin", "gu*", "--ignore", "timeout")[0] == 1
    assert run("dev", "prod", "--plugin", "gu*", "--ignore", "timeout", "--ignore", "environment_variables")[0] == 0
    assert run("dev", "prod", "--ignore", "*") == (1, "guard: equal\nmine: only in dev\n1 equal, 1 only in dev\n", "")


def test_a_name_that_no_plugin_has_is_no_equality(run: Run, platform: Platform, other: Platform) -> None:
    for place in (platform, other):
        deploy(place, "guard")
    assert run("dev", "prod", "--plugin", "gu*", "--plugin", "gaurd", "--plugin", "x*") == (
        2,
        "",
        "biot-provider: no plugin is named like 'gaurd', 'x*' in dev or prod [BIOT-8002]\n",
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["dev", "staging"], "there is no stacks/Pulumi.staging.yaml"),
        (["dev", "stat:prod"], "'stat:prod' is no stack"),
        (["state:dev"], "compare state:dev with what?"),
        (["state:dev", "prod"], "`pulumi stack export"),
    ],
)
def test_a_side_that_cannot_be_read_is_one_line_and_exit_code_2(run: Run, arguments: list[str], problem: str) -> None:
    code, output, problems = run(*arguments)
    assert (code, output, len(problems.splitlines())) == (2, "", 1)
    assert problem in problems


def test_a_platform_that_may_not_be_read_is_no_difference_but_an_error(
    run: Run, doctor: Doctor, platform: Platform, served: str
) -> None:
    doctor.stack({})
    doctor.as_user(served, platform.add_service_user(permissions=set()))
    code, output, problems = run("dev", "prod")
    assert (code, output, len(problems.splitlines())) == (2, "", 1)
    assert "403" in problems


def test_each_stack_has_its_own_identity_where_the_environment_names_one(
    run: Run, doctor: Doctor, platform: Platform, other: Platform, tmp_path: Path
) -> None:
    with running(tmp_path / "data") as here, running(tmp_path / "other") as there:
        doctor.stack({"biot:baseUrl": here})
        doctor.file("stacks/Pulumi.eu-prod.yaml", f"config: {{'biot:baseUrl': '{there}'}}\n")
        doctor.environment(
            BIOT_SERVICE_ID=platform.service_id,
            BIOT_SERVICE_SECRET_KEY=platform.service_secret_key,
            BIOT_SERVICE_ID_EU_PROD=other.service_id,
            BIOT_SERVICE_SECRET_KEY_EU_PROD=other.service_secret_key,
        )
        deploy(other, "theirs")
        assert run("dev", "eu-prod") == (1, "theirs: only in eu-prod\n1 only in eu-prod\n", "")
