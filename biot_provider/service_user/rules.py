"""Rules about the arguments of service users and keys that can be checked without the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biot_provider.lifecycle.problems import IsUnknown, Problem, by_path
from biot_provider.lifecycle.validation import Arguments
from biot_provider.service_user.model import ServiceUserInputs, ServiceUserKeyInputs

_SERVICE_USER = Arguments(ServiceUserInputs)
_SERVICE_USER_KEY = Arguments(ServiceUserKeyInputs)


def service_user_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """Return every problem of a service user's arguments, in the order of their paths."""
    return by_path(_SERVICE_USER.examined(values, is_unknown)[1])


def service_user_key_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """Return every problem of a key's arguments, in the order of their paths."""
    return by_path(_SERVICE_USER_KEY.examined(values, is_unknown)[1])
