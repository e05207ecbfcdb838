"""A runtime's end causes a warning with the dates, but not if it is far ahead or unknown."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from biot_provider.plugin.aws_lambda import NOTICE, RUNTIME_ENDS, is_deprecated, runtime_warning

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("runtime", "text"),
    [
        (
            "dotnet8",
            "runtime 'dotnet8' is deprecated since 2026-11-10 (AWS Lambda refuses new functions from 2027-02-01 and"
            " refuses updates from 2027-03-03): move to a newer one",
        ),
        (
            "nodejs14.x",
            "runtime 'nodejs14.x' is deprecated since 2023-12-04 (AWS Lambda refuses new functions since 2024-01-09 and"
            " refuses updates from 2027-03-03): move to a newer one",
        ),
        (
            "python3.6",
            "runtime 'python3.6' is deprecated since 2022-07-18 (AWS Lambda refuses new functions since 2022-07-18 and"
            " refuses updates since 2022-08-29): move to a newer one",
        ),
        (
            "java11",
            "runtime 'java11' will be deprecated on 2027-06-30 (AWS Lambda refuses new functions from 2027-07-31 and"
            " refuses updates from 2027-08-31): move to a newer one",
        ),
        ("dotnet9", "runtime 'dotnet9' is deprecated since 2026-11-10: move to a newer one"),
    ],
)
def test_the_end_of_a_runtime_is_a_warning_with_its_days(runtime: str, text: str) -> None:
    assert runtime_warning(runtime, TODAY) == text


@pytest.mark.parametrize("runtime", ["python3.13", "python3.14", "nodejs24.x", "java21", "provided.al2023", "ruby3.4"])
def test_an_end_more_than_a_year_away_is_none_yet(runtime: str) -> None:
    assert runtime_warning(runtime, TODAY) is None
    end = date.fromisoformat(RUNTIME_ENDS[runtime].deprecated)
    assert f"will be deprecated on {end}" in str(runtime_warning(runtime, end - NOTICE))
    assert runtime_warning(runtime, end - NOTICE - timedelta(days=1)) is None
    assert f"is deprecated since {end}" in str(runtime_warning(runtime, end))
    assert [is_deprecated(runtime, day) for day in (end - timedelta(days=1), end)] == [False, True]


@pytest.mark.parametrize("runtime", ["python3.99", "", 7, None, ["dotnet8"]])
def test_what_is_no_runtime_that_aws_names_is_no_warning(runtime: object) -> None:
    assert runtime_warning(runtime, TODAY) is None


def test_every_day_of_the_table_is_one() -> None:
    for end in RUNTIME_ENDS.values():
        assert all(date.fromisoformat(day) for day in end if day is not None)
