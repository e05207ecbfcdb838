"""Types for responses and state: a value of the documented type has that type, any other is kept all the same.

Inputs are strict, responses and state are wide: no value that a later platform may show stops a refresh, a preview or a
destroy, and the difference shows as drift. So nothing here ever fails. A number that arrives as text is a number, a
value of another type is kept as text, and an item of a list that is no object becomes one with that text in its first
field. Null stays null, and any other value in place of a map counts as null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel


def text(value: object) -> str | None:
    """Return the value as text: as JSON where it is neither text nor null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _whole(value: object) -> int | str | None:
    if isinstance(value, bool):
        return text(value)
    try:
        return int(value) if float(value) == int(value) else text(value)  # type: ignore[call-overload,arg-type]
    except (TypeError, ValueError, OverflowError):
        return text(value)


def _flag(value: object) -> bool | str | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower(), text(value))


def _texts(value: object) -> tuple[str, ...] | None:
    return None if value is None else tuple(str(text(item) or "") for item in _listed(value))


def _text_map(value: object) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        return None
    return {str(key): text(item) or "" for key, item in value.items()}


def _items(value: object) -> list[object] | None:
    return None if value is None else _listed(value)


def _object(value: object) -> object:
    return value if isinstance(value, Mapping | BaseModel) else None


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


Text = Annotated[str | None, BeforeValidator(text)]
Whole = Annotated[int | str | None, BeforeValidator(_whole)]
Flag = Annotated[bool | str | None, BeforeValidator(_flag)]
Texts = Annotated[tuple[str, ...] | None, BeforeValidator(_texts)]
TextMap = Annotated[dict[str, str] | None, BeforeValidator(_text_map)]

ItemT = TypeVar("ItemT")
Items = Annotated[tuple[ItemT, ...] | None, BeforeValidator(_items)]
Object = Annotated[ItemT | None, BeforeValidator(_object)]


class HidesValues(BaseModel):
    """A frozen model whose values, which may be secrets, are in no error and no warning of pydantic."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Serialize as pydantic does; a value of another type than its field's is kept without a warning."""
        return super().model_dump(**{"warnings": False, **options})


class Wide(HidesValues):
    """A model that accepts whatever comes; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")


class WideItem(Wide):
    """A model of a list's items; an item that is no object becomes one, its text in the first field."""

    @model_validator(mode="before")
    @classmethod
    def _from_anything(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping | BaseModel) else {next(iter(cls.model_fields)): value}


def number(value: object) -> int:
    """Return the value where it is a number, else 0."""
    return value if isinstance(value, int) else 0


def is_same_moment(one: str | None, other: str | None) -> bool | None:
    """Whether two times are the same, however each is written; None where one cannot be read.

    Where one of them is written without a fraction of a second, the other's does not count.
    """
    first, second = moment(one), moment(other)
    if first is None or second is None:
        return None
    if not all(_FRACTION.search(str(text)) for text in (one, other)):
        first, second = first.replace(microsecond=0), second.replace(microsecond=0)
    return first == second


_FRACTION = re.compile(r"[.,]\d")
"""Behind the seconds of an ISO-8601 text."""


def moment(value: str | None) -> datetime | None:
    """Return the point in time that an ISO-8601 text names, in UTC, which holds where no zone is named; else None."""
    try:
        time = datetime.fromisoformat(value or "")
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no time, or one before the first year or after the last
        return None


class Answer(Wide):
    """A response of the platform, or a part of one."""


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def list_or_none(value: object) -> object:
    """Return a list as it is, None for anything else, from which nothing is known about the items."""
    return value if isinstance(value, list | tuple) else None


Shown = Annotated[str, BeforeValidator(lambda value: text(value) or "")]
"""Text that is never null, only empty."""

Needed = Annotated[str, BeforeValidator(text), Field(min_length=1)]
"""Text without which a response is useless, and is refused."""


def are_ids_alike(one: str | None, other: str | None) -> bool:
    """Whether two ids of the platform can be compared: both are there, and both are UUIDs or neither is."""
    return bool(one and other) and bool(_UUID.fullmatch(one or "")) == bool(_UUID.fullmatch(other or ""))
