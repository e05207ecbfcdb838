"""Of what Pulumi hands over of a stack's configuration, the text of a scalar is taken only where it is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from biot_provider.errors import InputError
from biot_provider.fleet import read_fleet
from biot_provider.stack_overrides import read_overrides

KEY = "shop:plugins"
QUOTES = "must be in quotes: without them Pulumi makes a number, a date or null of what is written"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "plugins/guard").mkdir(parents=True)
    (tmp_path / "plugins/guard/plugin.yaml").write_text("environmentVariables: {KEY: text}")
    return tmp_path


def _stack(project: Path, written: str, *, key: str = KEY) -> None:
    text = f"config:\n  {key}: {{guard: {{environmentVariables: {{KEY: {written}}}}}}}\n"
    (project / "stacks/Pulumi.dev.yaml").write_text(text)


def _key(project: Path, handed_over: Any) -> str | None:
    """The variable's value where Pulumi hands this over in its place; or what is wrong, without its place."""
    text = json.dumps({"guard": {"environmentVariables": {"KEY": handed_over}}})
    try:
        fleet = read_fleet(project / "plugins", read_overrides(text, project, "dev", KEY))
    except InputError as error:
        return str(error).removeprefix("stack configuration 'plugins.guard': environmentVariables.KEY: ")
    value = fleet["guard"]["environment_variables"].get("KEY")
    assert value is None or type(value) is str
    return value


@pytest.mark.parametrize(
    ("written", "handed_over", "value"),
    [
        ("8080", 8080, "8080"),
        ("-1", -1, "-1"),
        ("1.5", 1.5, "1.5"),
        ("true", True, "true"),
        ("yes", "yes", "yes"),
        ("22:30", "22:30", "22:30"),
        ("'0012'", "0012", "0012"),
        ("'2024-01-01 00:00:00 +0000 UTC'", "2024-01-01 00:00:00 +0000 UTC", "2024-01-01 00:00:00 +0000 UTC"),
        ("{secure: v1:abc}", "0012", "0012"),
        ("null", None, None),
        ("", None, None),
        # What Pulumi changes, here as the engine really does it.
        ("012345670123", 1402433619, QUOTES),
        ("0012", 10, QUOTES),
        ("0x1F", 31, QUOTES),
        ("1_000", 1000, QUOTES),
        ("1.10", 1.1, QUOTES),
        ("1e3", 1000, QUOTES),
        ("+5", 5, QUOTES),
        ("12345678901234567890", 12345678901234567000, QUOTES),
        ("True", True, QUOTES),
        ("~", None, QUOTES),
        ("Null", None, QUOTES),
        ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC", QUOTES),
        # `pulumi config set` has written the date anew.
        ("2024-01-01 00:00:00 +0000 UTC", "2024-01-01 00:00:00 +0000 UTC", QUOTES),
    ],
)
def test_a_value_of_the_stacks_file_is_its_text_or_must_be_in_quotes(
    project: Path, written: str, handed_over: Any, value: str | None
) -> None:
    _stack(project, written)
    assert _key(project, handed_over) == value
    _stack(project, written, key="plugins")
    assert _key(project, handed_over) == value


def test_a_value_from_elsewhere_is_taken_as_far_as_it_is_known(project: Path) -> None:
    """As with `--config-file` or Pulumi ESC: the stack's own file says something else, or nothing."""
    for prepare in (lambda: _stack(project, "other"), lambda: (project / "stacks/Pulumi.dev.yaml").unlink()):
        prepare()
        assert _key(project, "text") == "text"
        assert _key(project, "2024-01-01T00:00:00Z") == "2024-01-01T00:00:00Z"
        assert _key(project, 8080) == QUOTES
        assert _key(project, True) == QUOTES
        assert _key(project, "2024-01-01 00:00:00 +0000 UTC") == QUOTES


@pytest.mark.parametrize("key", [KEY, "plugins"])
@pytest.mark.parametrize("member", ["value", "default"])
def test_configuration_of_all_stacks_stands_in_the_projects_file(project: Path, key: str, member: str) -> None:
    def declare(written: str) -> None:
        (project / "Pulumi.yaml").write_text(
            f"name: shop\nconfig: {{{key}: {{{member}: {{guard: {{environmentVariables: {{KEY: {written}}}}}}}}}}}"
        )

    declare("8080")
    assert _key(project, 8080) == "8080"
    declare("0012")
    assert _key(project, 10) == QUOTES
    declare("2024-01-01")
    assert _key(project, "2024-01-01T00:00:00Z") == QUOTES


@pytest.mark.parametrize("in_file", ["'{...}'", "{secure: v1:abc}"])
def test_json_set_as_one_text_is_taken_as_it_is_written(project: Path, in_file: str) -> None:
    (project / "stacks/Pulumi.dev.yaml").write_text(f"config: {{{KEY}: {in_file}}}")
    text = '{"guard": {"timeout": 10, "environmentVariables": {"A_KEY": 1.10, "B_KEY": true, "KEY": null}}}'
    guard = read_fleet(project / "plugins", read_overrides(text, project, "dev", KEY))["guard"]
    assert (guard["timeout"], guard["environment_variables"]) == (10, {"A_KEY": "1.10", "B_KEY": "true"})


@pytest.mark.parametrize("in_file", [True, False])
def test_what_is_no_text_keeps_its_type(project: Path, in_file: bool) -> None:
    (project / "plugins/guard/plugin.yaml").write_text("cronSchedule: 0 8 ? * MON *\nimageTag: null")
    given = {"timeout": 10, "enabled": False, "analyticsDbAccess": True, "cronSchedule": None, "memorySize": "256"}
    text = json.dumps({"guard": given})
    if in_file:
        (project / "stacks/Pulumi.dev.yaml").write_text(f"config: {{{KEY}: {text}}}")
    assert read_fleet(project / "plugins", read_overrides(text, project, "dev", KEY))["guard"] == {
        "name": "guard",
        "timeout": 10,
        "enabled_state": "DISABLED",
        "analytics_db_access": True,
        "memory_size": "256",
    }


@pytest.mark.parametrize("text", ["hello", '{"guard":', "[" * 100_000])
def test_what_is_not_json_is_no_map(project: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"^must be a map of plugin names$"):
        read_overrides(text, project, "dev", KEY)


def test_a_key_given_twice_is_named(project: Path) -> None:
    with pytest.raises(InputError, match=r"^the key 'timeout' is given twice: leave one out$"):
        read_overrides('{"guard": {"timeout": 1, "timeout": 2}}', project, "dev", KEY)
