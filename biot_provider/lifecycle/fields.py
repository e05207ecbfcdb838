"""Types of declared fields that several kinds share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from biot_provider.api.models.wide import (
    Discreet,
)


def _whole_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


Integer = Annotated[int, BeforeValidator(_whole_number)]

Order = Annotated[Integer, Field(ge=1, le=2**31 - 1)]


class Model(Discreet):
    """A value: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid")

    def wire(self) -> dict[str, Any]:
        """The value as the API wants it: camel case, nothing that is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


Uuid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]

Minutes = Annotated[Integer, Field(ge=1, le=2**31 - 1)]

Word = Annotated[str, Field(min_length=1)]

API_ID = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)/\S+")
"""An API as interceptions name it: a method and, right behind it, the path with its service."""
