"""Of what Pulumi hands over of a stack's configuration, text is only what was text in its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from biot_provider.errors import InputError
from biot_provider.plugin.manifest.fleet import read_fleet
from biot_provider.plugin.manifest.overrides import read_overrides

from ..uncoded import uncoded

STACK_TIME = "2024-01-01 00:00:00 +0000 UTC"
PROJECT_TIME = "2024-01-01T00:00:00Z"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "plugins/guard").mkdir(parents=True)
    (tmp_path / "plugins/guard/plugin.yaml").write_text("environmentVariables: {KEY: text}\ncronSchedule: 0 8 * * ? *")
    return tmp_path


def _read(project: Path, handed_over: Any) -> dict[str, Any]:
    overrides = read_overrides(json.dumps({"guard": handed_over}), project)
    return read_fleet(project / "plugins", overrides)["guard"]


@pytest.mark.parametrize("text", ["8080", "0012", "true", "22:30", "2024-01-01", PROJECT_TIME, f"at {STACK_TIME}", "~"])
def test_text_arrives_as_it_is(project: Path, text: str) -> None:
    assert _read(project, {"environmentVariables": {"KEY": text}})["environment_variables"] == {"KEY": text}


@pytest.mark.parametrize("path", ["environmentVariables.KEY", "displayName", "cors.allowHeaders[0]"])
@pytest.mark.parametrize(
    ("handed_over", "kind"), [(8080, "a number"), (1.5, "a number"), (True, "true or false"), (STACK_TIME, "a time")]
)
def test_what_pulumi_has_made_of_a_text_is_an_error_that_quotes_none(
    project: Path, path: str, handed_over: Any, kind: str
) -> None:
    (project / "Pulumi.yaml").write_text("config: {shop:since: '2024-01-01'}")
    override: Any = handed_over
    for key in reversed(path.removesuffix("[0]").split(".")):
        override = {key: [override] if key == "allowHeaders" else override}
    with pytest.raises(InputError) as raised:
        _read(project, override)
    assert uncoded(str(raised.value)) == (
        f"stack configuration 'plugins.guard': {path}: must be a string, not {kind}: put it in quotes"
    )


@pytest.mark.parametrize("key", ["plugins", "shop:plugins"])
@pytest.mark.parametrize(
    ("date", "handed_over"),
    [
        ("2024-01-01", PROJECT_TIME),
        ("2024-1-1", PROJECT_TIME),
        ("2024-01-01T9:30:0.5Z", "2024-01-01T09:30:00.5Z"),
        ("2024-1-1 09:30:00", "2024-01-01T09:30:00Z"),
        ("2024-01-01t09:30:00+02:00", "2024-01-01T09:30:00+02:00"),
    ],
)
def test_a_time_may_come_of_a_date_in_the_projects_file(project: Path, key: str, date: str, handed_over: str) -> None:
    config = f"config:\n  {key}: {{value: {{guard: {{displayName: {date}}}}}}}"
    (project / "Pulumi.yaml").write_text(f"name: shop\n{config}")
    with pytest.raises(InputError, match="displayName: must be a string, not a time"):
        _read(project, {"displayName": handed_over})


@pytest.mark.parametrize(
    "text",
    [
        "description: 2024-01-01",
        "config: {since: 2024-01-01, 'other:plugins': {value: {guard: {displayName: 2024-01-01}}}}",
        "config: {plugins: {value: {guard: {displayName: 2024-01-02, version: '2024-01-01'}}}}",
        "config: {plugins: {value: {guard: {displayName: 2024-99-99}}}}",
        "config: [2024-01-01]",
        "2024-01-01",
    ],
)
def test_a_date_elsewhere_in_the_projects_file_makes_no_time_of_a_text(project: Path, text: str) -> None:
    (project / "Pulumi.yaml").write_text(text)
    assert _read(project, {"displayName": PROJECT_TIME})["display_name"] == PROJECT_TIME


def test_null_takes_away_and_numbers_are_numbers(project: Path) -> None:
    given = {"timeout": 10, "enabled": False, "analyticsDbAccess": True, "cronSchedule": None, "memorySize": "256"}
    assert _read(project, given | {"environmentVariables": {"KEY": None}}) == {
        "name": "guard",
        "timeout": 10,
        "enabled_state": "DISABLED",
        "analytics_db_access": True,
        "memory_size": "256",
        "environment_variables": {},
    }


@pytest.mark.parametrize("text", ["hello", '{"guard":', "[" * 100_000])
def test_what_is_not_json_is_no_map(project: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"^must be a map of plugin names \[BIOT-2154\]$"):
        read_overrides(text, project)


def test_a_key_given_twice_is_named(project: Path) -> None:
    with pytest.raises(InputError, match=r"^the key 'timeout' is given twice: leave one out \[BIOT-2154\]$"):
        read_overrides('{"guard": {"timeout": 1, "timeout": 2}}', project)
