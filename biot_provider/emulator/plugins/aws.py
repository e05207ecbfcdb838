"""Checks of AWS behind the platform, for requests that the platform's own rules accept.

The platform passes these on as 500 AWS_EXCEPTION. The limits are those of AWS Lambda and EventBridge.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.errors import aws, invalid
from biot_provider.emulator.plugins.cron import accepted_by_aws

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ENVIRONMENT = 4 * 1024
"""Maximum bytes of all variables, including the platform's own, measured as AWS does: as one JSON object."""
MAX_ZIP = 50 * 1024 * 1024
MAX_UNZIPPED = 250 * 1024 * 1024

_KEY = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_RESERVED = {
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
    *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API"),
    *("AWS_LAMBDA_METADATA_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
}
"""AWS Lambda Developer Guide, reserved environment variables: no prefix is reserved."""
_PARAMETER = "InvalidParameterValueException"


def check_function(record: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    """Refuse a function that AWS would not accept because of its variables, runtime, handler or schedule."""
    for key in variables:
        if key in _RESERVED:
            raise aws(_PARAMETER, f"Environment variable key [{key}] is reserved")
        if not _KEY.fullmatch(key):
            raise aws(_PARAMETER, f"Environment variable key [{key}] does not match [a-zA-Z]([a-zA-Z0-9_])+")
    measured = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if measured > MAX_ENVIRONMENT:
        raise aws(_PARAMETER, f"Environment variables take {measured} bytes, more than {MAX_ENVIRONMENT}")
    if record["deploymentPackageType"] == "ZIP" and not (
        record["runtime"] and re.fullmatch(r"\S+", record["handler"] or "")
    ):
        raise aws(_PARAMETER, "A function from a zip needs a runtime, and a handler without blanks")
    schedule = record["cronSchedule"]
    if schedule is not None and not accepted_by_aws(schedule):
        raise aws("ValidationException", "Parameter ScheduleExpression is not valid")


def check_code(content: bytes) -> None:
    """Refuse content that is not a zip, an empty zip, and one that is too big, zipped or unzipped."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise invalid("code", "must be a readable zip") from None
    if len(content) > MAX_ZIP:
        raise aws("RequestEntityTooLargeException", f"The zip has {len(content)} bytes, more than {MAX_ZIP}")
    unzipped = sum(entry.file_size for entry in entries)
    if unzipped > MAX_UNZIPPED:
        raise aws(_PARAMETER, f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes")
    if not any(not entry.is_dir() for entry in entries):
        raise aws(_PARAMETER, "Uploaded file must be a non-empty zip")
