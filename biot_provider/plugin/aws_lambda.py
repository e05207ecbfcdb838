"""Facts that AWS publishes about Lambda: the end of each runtime, and the variables that it reserves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

NOTICE = timedelta(days=365)
"""How long before a runtime's end a warning begins. AWS publishes the day for every runtime years ahead."""


class RuntimeEnd(NamedTuple):
    """The days on which AWS deprecates a runtime, and refuses functions and their updates; None: not announced."""

    deprecated: str
    create_blocked: str | None
    update_blocked: str | None


RUNTIME_ENDS: Mapping[str, RuntimeEnd] = {
    "dotnet10": RuntimeEnd("2028-11-14", "2028-12-14", "2029-01-15"),
    "dotnet5.0": RuntimeEnd("2022-05-10", None, None),
    "dotnet6": RuntimeEnd("2024-12-20", "2027-02-01", "2027-03-03"),
    "dotnet7": RuntimeEnd("2024-05-14", None, None),
    "dotnet8": RuntimeEnd("2026-11-10", "2027-02-01", "2027-03-03"),
    "dotnet9": RuntimeEnd("2026-11-10", None, None),
    "dotnetcore1.0": RuntimeEnd("2019-06-27", "2019-06-30", "2019-07-30"),
    "dotnetcore2.0": RuntimeEnd("2019-05-30", "2019-04-30", "2019-05-30"),
    "dotnetcore2.1": RuntimeEnd("2022-01-05", "2022-01-05", "2022-04-13"),
    "dotnetcore3.1": RuntimeEnd("2023-04-03", "2023-04-03", "2023-05-03"),
    "go1.x": RuntimeEnd("2024-01-08", "2024-02-08", "2027-03-03"),
    "java11": RuntimeEnd("2027-06-30", "2027-07-31", "2027-08-31"),
    "java11.al2023": RuntimeEnd("2029-06-30", None, None),
    "java17": RuntimeEnd("2027-06-30", "2027-07-31", "2027-08-31"),
    "java21": RuntimeEnd("2029-06-30", "2029-07-31", "2029-08-31"),
    "java25": RuntimeEnd("2029-06-30", "2029-07-31", "2029-08-31"),
    "java8": RuntimeEnd("2024-01-08", "2024-02-08", "2027-03-03"),
    "java8.al2": RuntimeEnd("2027-06-30", "2027-07-31", "2027-08-31"),
    "java8.al2023": RuntimeEnd("2029-06-30", None, None),
    "nodejs": RuntimeEnd("2016-08-30", "2016-09-30", "2016-10-31"),
    "nodejs10.x": RuntimeEnd("2021-07-30", "2021-07-30", "2022-02-14"),
    "nodejs12.x": RuntimeEnd("2023-03-31", "2023-03-31", "2023-04-30"),
    "nodejs14.x": RuntimeEnd("2023-12-04", "2024-01-09", "2027-03-03"),
    "nodejs16.x": RuntimeEnd("2024-06-12", "2027-02-01", "2027-03-03"),
    "nodejs18.x": RuntimeEnd("2025-09-01", "2027-02-01", "2027-03-03"),
    "nodejs20.x": RuntimeEnd("2026-04-30", "2027-02-01", "2027-03-03"),
    "nodejs22.x": RuntimeEnd("2027-04-30", "2027-06-01", "2027-07-01"),
    "nodejs24.x": RuntimeEnd("2028-04-30", "2028-06-01", "2028-07-01"),
    "nodejs4.3": RuntimeEnd("2020-03-05", "2020-02-03", "2020-03-05"),
    "nodejs4.3-edge": RuntimeEnd("2020-03-05", "2019-03-31", "2019-04-30"),
    "nodejs6.10": RuntimeEnd("2019-08-12", "2019-07-12", "2019-08-12"),
    "nodejs8.10": RuntimeEnd("2020-03-06", "2020-02-04", "2020-03-06"),
    "provided": RuntimeEnd("2024-01-08", "2024-02-08", "2027-03-03"),
    "provided.al2": RuntimeEnd("2026-07-31", "2027-02-01", "2027-03-03"),
    "provided.al2023": RuntimeEnd("2029-06-30", "2029-07-31", "2029-08-31"),
    "python2.7": RuntimeEnd("2021-07-15", "2021-07-15", "2022-05-30"),
    "python3.10": RuntimeEnd("2026-10-31", "2027-02-01", "2027-03-03"),
    "python3.11": RuntimeEnd("2027-06-30", "2027-07-31", "2027-08-31"),
    "python3.12": RuntimeEnd("2028-10-31", "2028-11-30", "2029-01-10"),
    "python3.13": RuntimeEnd("2029-06-30", "2029-07-31", "2029-08-31"),
    "python3.14": RuntimeEnd("2029-06-30", "2029-07-31", "2029-08-31"),
    "python3.6": RuntimeEnd("2022-07-18", "2022-07-18", "2022-08-29"),
    "python3.7": RuntimeEnd("2023-12-04", "2024-01-09", "2027-03-03"),
    "python3.8": RuntimeEnd("2024-10-14", "2027-02-01", "2027-03-03"),
    "python3.9": RuntimeEnd("2025-12-15", "2027-02-01", "2027-03-03"),
    "ruby2.5": RuntimeEnd("2021-07-30", "2021-07-30", "2022-03-31"),
    "ruby2.7": RuntimeEnd("2023-12-07", "2024-01-09", "2027-03-03"),
    "ruby3.2": RuntimeEnd("2026-03-31", "2027-02-01", "2027-03-03"),
    "ruby3.3": RuntimeEnd("2027-03-31", "2027-04-30", "2027-05-31"),
    "ruby3.4": RuntimeEnd("2028-03-31", "2028-04-30", "2028-05-31"),
    "ruby4.0": RuntimeEnd("2029-03-31", "2029-04-30", "2029-05-31"),
}
"""AWS Lambda Developer Guide, "Lambda runtimes": supported and deprecated runtimes, as of October 2026.

A runtime that is missing here is newer.
"""

RESERVED_VARIABLES = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"),
        *("AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME"),
        *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME"),
        *("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API"),
        *("AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY"),
        *("AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT"),
    }
)
"""AWS Lambda Developer Guide, "Defined runtime environment variables": the reserved ones; others that begin with
``AWS_`` are free to use.
"""


def is_deprecated(runtime: str, today: date) -> bool:
    """Return whether AWS has deprecated a runtime by that day."""
    end = RUNTIME_ENDS.get(runtime)
    return end is not None and date.fromisoformat(end.deprecated) <= today


def runtime_warning(runtime: object, today: date) -> str | None:
    """Return a warning if AWS has deprecated the runtime, or will within a year."""
    end = RUNTIME_ENDS.get(runtime) if isinstance(runtime, str) else None
    if end is None or date.fromisoformat(end.deprecated) > today + NOTICE:
        return None
    blocks = [
        f"refuses {what} {'since' if date.fromisoformat(day) <= today else 'from'} {day}"
        for what, day in (("new functions", end.create_blocked), ("updates", end.update_blocked))
        if day is not None
    ]
    when = f"is deprecated since {end.deprecated}" if is_deprecated(str(runtime), today) else (
        f"will be deprecated on {end.deprecated}"
    )  # fmt: skip
    then = f" (AWS Lambda {' and '.join(blocks)})" if blocks else ""
    return f"runtime {runtime!r} {when}{then}: move to a newer one"
