"""The common part of faults and variants: a strict specification, checked when it is given and stored as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, ConfigDict, ValidationError

if TYPE_CHECKING:
    from biot_provider.emulator.database import Store

STRICT = ConfigDict(extra="forbid", strict=True)

Spec = TypeVar("Spec")


def _is_regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        message = f"it is no regular expression: {error}"
        raise ValueError(message) from None
    return text


RegularExpression = Annotated[str, AfterValidator(_is_regular_expression)]


def build(kind: type[Spec], members: dict[str, Any]) -> Spec:
    """Build a specification, a strict dataclass of pydantic, from its members. Raises ValueError with the problem."""
    what = kind.__name__.lower()
    try:
        return kind(**members)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = problem["loc"][0]
        if problem["type"] == "unexpected_keyword_argument":
            message = f"a {what} has no {name}: it has {', '.join(item.name for item in fields(kind))}"  # type: ignore[arg-type]
        else:
            message = f"a {what}'s {name}: {problem['msg']}"
    raise ValueError(message)


class SpecTable:
    """The table in which specifications are kept, in the order they were added; each has a count of its uses."""

    def __init__(self, store: Store, table: str, count: str) -> None:
        self._store = store
        self._table = table
        self._count = count

    def add(self, spec: dict[str, Any]) -> int:
        """Store a specification and return its id."""
        with self._store.writing() as db:
            insert = f"INSERT INTO {self._table} (spec) VALUES (?)"  # noqa: S608  (a constant)
            return db.execute(insert, (json.dumps(spec),)).lastrowid or 0

    def rows(self) -> list[tuple[int, dict[str, Any], int]]:
        """Return the id, specification and count of each."""
        with self._store.reading() as db:
            rows = db.execute(f"SELECT * FROM {self._table} ORDER BY id").fetchall()  # noqa: S608  (a constant)
        return [(row["id"], json.loads(row["spec"]), row[self._count]) for row in rows]

    def clear(self) -> None:
        """Delete all specifications."""
        with self._store.writing() as db:
            db.execute(f"DELETE FROM {self._table}")  # noqa: S608  (a constant)
