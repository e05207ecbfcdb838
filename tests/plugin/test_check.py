"""What a plugin's check adds: defaults, digests of the code, warnings and next runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from biot_provider.config import Settings
from biot_provider.lifecycle.connection import Connection
from biot_provider.package.package import read_package
from biot_provider.provider.plugin import PluginProvider

from .checked import check


def test_check_fills_in_the_defaults_that_the_platform_would_choose_otherwise() -> None:
    provider = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    inputs = provider.check({}, {"name": "guard", "__owner": "p/s/guard", "__provider": "x"}).inputs
    assert inputs == {
        "name": "guard",
        "display_name": "guard",
        "runtime": "nodejs22.x",
        "handler": "index.handler",
        "timeout": 3,
        "memory_size": 128,
        "ephemeral_storage": 512,
        "environment_variables": {},
        "enabled_state": "ENABLED",
        "analytics_db_access": False,
        "adopt": False,
        "code_files": {},
        "__owner": "p/s/guard",
    }


def test_a_handler_longer_than_a_file_name_is_a_problem_of_the_handler(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    (line,) = check({"code": str(tmp_path), "runtime": "python3.13", "handler": f"{'h' * 300}.handler"})
    assert line.startswith("handler: the handler 'hhh")
    assert line.endswith("cannot be looked for: File name too long")


def test_an_image_gets_no_runtime_and_no_handler() -> None:
    provider = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    inputs = provider.check({}, {"name": "wave", "image_tag": "wave-1"}).inputs
    assert "runtime" not in inputs
    assert "handler" not in inputs


def test_check_adds_the_digests_of_the_code_and_the_handler_must_be_in_it(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    provider = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    given = {"name": "guard", "code": str(tmp_path), "runtime": "python3.13"}
    inputs = provider.check({}, given).inputs
    assert len(inputs["code_digest"]) == 64
    assert list(inputs["code_files"]) == ["index.py"]
    assert [line.partition(":")[0] for line in check({**given, "handler": "main.run"})] == ["handler"]


def test_few_entries_name_the_files_and_code_that_stays_keeps_those_of_before(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "lib").mkdir()
    for number in range(20):
        (tmp_path / "lib" / f"part{number:02}.py").write_text(f"NUMBER = {number}\n")
    provider = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    given = {"name": "guard", "code": str(tmp_path), "runtime": "python3.13", "__provider": "x"}
    inputs = provider.check({}, given).inputs
    assert list(inputs["code_files"]) == ["index.py", "lib/"]

    # Earlier versions had fifty entries: nothing differs while the code stays, and then only what has changed.
    before = {**inputs, "__provider": "x", "code_files": read_package(tmp_path).file_digests()}
    assert provider.check(before, given).inputs["code_files"] == before["code_files"]
    (tmp_path / "lib/part07.py").write_text("NUMBER = 'seven'\n")
    after = provider.check(before, given).inputs["code_files"]
    assert after.keys() == before["code_files"].keys()
    assert [path for path in after if after[path] != before["code_files"][path]] == ["lib/part07.py"]


def test_a_runtime_that_aws_ends_is_a_warning_with_its_dates_and_no_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert check({"runtime": "dotnet8"}) == []
    assert capfd.readouterr().err.startswith(
        "warning: plugin 'guard': runtime 'dotnet8' is deprecated since 2026-11-10 (AWS Lambda refuses new functions"
    )
    assert check({"runtime": "python3.99"}) == []
    assert capfd.readouterr().err == ""


def test_a_new_schedule_is_reported_with_its_next_runs_and_an_old_one_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    schedule = {"cron_schedule": "30 6 ? * MON-FRI *"}
    assert check(schedule) == []
    line = capfd.readouterr().err
    assert line.startswith("plugin 'guard': schedule '30 6 ? * MON-FRI *' (minutes 30, hours 6, any day of month,")
    assert line.count(" 06:30") == 3
    assert line.endswith(" UTC\n")
    assert check(schedule, olds=schedule) == []
    assert capfd.readouterr().err == ""
    assert check(schedule, olds={"cron_schedule": "0 8 ? * MON *"}) == []
    assert "next runs" in capfd.readouterr().err


def test_a_schedule_that_ran_out_since_it_was_deployed_blocks_nothing() -> None:
    over = {"cron_schedule": "0 8 1 1 ? 2020"}
    assert check(over) != []
    assert check(over, olds=over) == []
