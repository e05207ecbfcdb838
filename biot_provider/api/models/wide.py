"""Types for responses and state: a value of the documented type has that type, any other value is kept too.

Inputs are strict, responses and state are wide: no value of a later platform version stops a refresh, a preview or a
destroy, and the difference shows as drift. So parsing never fails here. A number that arrives as text becomes a number,
a value of another type is kept as text, and a list item that is not an object becomes an object with that text in its
first field. Null stays null, and any other value in place of a map counts as null.
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
    """Return the value as text; a value that is neither text nor null becomes JSON."""
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
    """A frozen model that keeps its values, which may be secrets, out of pydantic's errors and warnings."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Serialize as pydantic does, but without a warning for values of a type other than their field's."""
        return super().model_dump(**{"warnings": False, **options})


class Wide(HidesValues):
    """A model that accepts any value; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")


class WideItem(Wide):
    """A model of list items; an item that is not an object becomes one, with its text in the first field."""

    @model_validator(mode="before")
    @classmethod
    def _from_anything(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping | BaseModel) else {next(iter(cls.model_fields)): value}


def number(value: object) -> int:
    """Return the value if it is a number, else 0."""
    return value if isinstance(value, int) else 0


def is_same_moment(one: str | None, other: str | None) -> bool | None:
    """Return whether two times are the same, in whatever form they are written; None if one cannot be read.

    If one of them has no fraction of a second, the other's fraction is ignored.
    """
    first, second = moment(one), moment(other)
    if first is None or second is None:
        return None
    if not all(_FRACTION.search(str(text)) for text in (one, other)):
        first, second = first.replace(microsecond=0), second.replace(microsecond=0)
    return first == second


_FRACTION = re.compile(r"[.,]\d")
"""A fraction of a second in an ISO-8601 text."""


def moment(value: str | None) -> datetime | None:
    """Return the time of an ISO-8601 text, in UTC, which also applies without a zone; None if it cannot be read."""
    try:
        time = datetime.fromisoformat(value or "")
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # not a time, or one outside of the years that Python knows
        return None


class Answer(Wide):
    """A response of the platform, or a part of one."""


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def list_or_none(value: object) -> object:
    """Return a list unchanged, and None for any other value, which says nothing about the items."""
    return value if isinstance(value, list | tuple) else None


Shown = Annotated[str, BeforeValidator(lambda value: text(value) or "")]
"""Text that may be empty but is never null."""

Needed = Annotated[str, BeforeValidator(text), Field(min_length=1)]
"""Required text: without it a response is useless, and is refused."""


def are_ids_alike(one: str | None, other: str | None) -> bool:
    """Return whether two ids of the platform can be compared: both exist, and both or neither are UUIDs."""
    return bool(one and other) and bool(_UUID.fullmatch(one or "")) == bool(_UUID.fullmatch(other or ""))
