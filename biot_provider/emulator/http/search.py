"""Search: filters with logic keys and nesting, free text, sorting and paging (BioT API 2.4.2, search requests).

A query runs over the responses, and so over the values that clients see: with `names=prefixed` a name is found only in
its prefixed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOGIC = ("$OR", "$AND", "$NOT")
DEFAULT_LIMIT = 100

Row = dict[str, Any]


@dataclass(frozen=True)
class Searched:
    """What is searched: the properties that filters may name, by their type."""

    words: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    """The properties that a sort may name; all if none are given."""

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that a filter may name."""
        return (*self.words, *self.numbers, *self.dates, *self.flags)

    @property
    def sorts(self) -> tuple[str, ...]:
        """The properties that a sort may name."""
        return self.sorted_by or self.properties


@dataclass(frozen=True)
class Query:
    """A checked search request."""

    searched: Searched
    filter: Mapping[str, Any]
    sort: list[Mapping[str, Any]]
    free_text: str | None
    limit: int
    page: int


def read_query(request: Any, searched: Searched) -> Query:
    """Check a search request, its filter too."""
    if not isinstance(request, dict):
        raise _bad("must be an object")
    sort = _given(request, "sort", [])
    if not isinstance(sort, list) or not all(isinstance(item, dict) for item in sort):
        raise _bad("sort must be a list of objects")
    for item in sort:
        if item.get("prop") not in searched.sorts:
            raise _bad(f"sort: prop must be one of {', '.join(searched.sorts)}")
        if item.get("order", "DESC") not in ("ASC", "DESC"):
            raise _bad("sort: order must be ASC or DESC")
    free_text = request.get("freeTextSearch")
    if free_text is not None and not isinstance(free_text, str):
        raise _bad("freeTextSearch must be a string")
    condition = _given(request, "filter", {})
    _matcher(searched, condition, "filter")
    limit = _count(request, "limit", 1, DEFAULT_LIMIT)
    return Query(searched, condition, sort, free_text, limit, _count(request, "page", 0, 0))


def run(query: Query, rows: list[Row]) -> dict[str, Any]:
    """Return one page of the rows that fit, with the query; `rows` come newest first."""
    fits = _matcher(query.searched, query.filter, "filter")
    found = [row for row in rows if fits(row) and _has_text(query.searched, row, query.free_text)]
    # The last key first: Python's sort keeps the order of equals. Without a sort: newest first.
    for item in reversed(query.sort or [{"prop": "creationTime"}]):
        found.sort(key=partial(_sort_key, item["prop"]), reverse=item.get("order", "DESC") == "DESC")
    start = query.page * query.limit
    return {
        "data": found[start : start + query.limit],
        "metadata": {
            "sort": query.sort,
            "filter": query.filter,
            "page": {"totalResults": len(found), "page": query.page, "limit": query.limit},
            "freeTextSearch": query.free_text,
        },
    }


def _matcher(searched: Searched, condition: Any, path: str) -> Callable[[Row], bool]:
    """Return a filter as a function of a row: all its members must hold."""
    checks = _checks(searched, condition, path)
    return lambda row: all(check(row) for check in checks)


def _checks(searched: Searched, condition: Any, path: str) -> list[Callable[[Row], bool]]:
    if not isinstance(condition, dict):
        raise _bad(f"{path} must be an object")
    return [
        (_logic if name in LOGIC else _property)(searched, name, member, f"{path}.{name}")
        for name, member in condition.items()
    ]


def _logic(searched: Searched, name: str, member: Any, path: str) -> Callable[[Row], bool]:
    """Combine by `$OR`, `$AND` or `$NOT` the members of the filter inside."""
    if not isinstance(member, dict) or set(member) != {"filter"}:
        raise _bad(f"{path} must hold one member, filter")
    checks = _checks(searched, member["filter"], f"{path}.filter")
    if name == "$OR":
        return lambda row: any(check(row) for check in checks)
    if name == "$AND":
        return lambda row: all(check(row) for check in checks)
    return lambda row: not all(check(row) for check in checks)


def _property(searched: Searched, name: str, member: Any, path: str) -> Callable[[Row], bool]:
    if name not in searched.properties:
        raise _bad(f"{path}: unknown property, there are {', '.join(searched.properties)}")
    if not isinstance(member, dict):
        raise _bad(f"{path} must be an object")
    tests = [_operator(searched, name, *item, path) for item in member.items() if item[1] is not None]
    return lambda row: all(test(row.get(name)) for test in tests)


def _operator(searched: Searched, name: str, operator: str, operand: Any, path: str) -> Callable[[Any], bool]:
    where = f"{path}.{operator}"
    if operator in ("eq", "not"):
        wanted = _operand(searched, name, operand, where)
        return (lambda value: value == wanted) if operator == "eq" else (lambda value: value != wanted)
    if operator in ("in", "notIn"):
        if not isinstance(operand, list):
            raise _bad(f"{where} must be a list")
        several = [_operand(searched, name, item, where) for item in operand]
        return (lambda value: value in several) if operator == "in" else (lambda value: value not in several)
    if operator in ("isNull", "isNotNull"):
        if not isinstance(operand, bool):
            raise _bad(f"{where} must be a boolean")
        null = operand == (operator == "isNull")
        return lambda value: (value is None) == null
    if operator == "like" and name in searched.words and isinstance(operand, str):
        return lambda value: value is not None and operand.lower() in value.lower()
    if operator in _ORDERED and name in searched.numbers and isinstance(operand, (int, float)):
        compare = _ORDERED[operator]
        return lambda value: value is not None and bool(compare(value, operand))
    if operator in ("from", "to") and name in searched.dates:
        edge = _moment(operand, where)
        if operator == "from":
            return lambda value: value is not None and _moment(value, where) >= edge
        return lambda value: value is not None and _moment(value, where) <= edge
    raise _bad(f"{where}: no such operator for this property, or an operand of the wrong type")


_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "lt": lambda value, edge: value < edge,
    "lte": lambda value, edge: value <= edge,
    "gt": lambda value, edge: value > edge,
    "gte": lambda value, edge: value >= edge,
}


def _operand(searched: Searched, name: str, operand: Any, where: str) -> Any:
    """Return what a property is compared with: digits in a string count as the number."""
    if name not in searched.numbers:
        return operand
    try:
        return int(operand)
    except (TypeError, ValueError):
        raise _bad(f"{where} must be a number") from None


def _moment(value: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _bad(f"{where} must be an ISO-8601 date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _has_text(searched: Searched, row: Row, free_text: str | None) -> bool:
    """Return whether the row has any of the words, anywhere but in dates."""
    words = (free_text or "").lower().split()
    values = [str(row[name]).lower() for name in (*searched.words, *searched.numbers) if row.get(name) is not None]
    return not words or any(word in value for word in words for value in values)


def _sort_key(name: str, row: Row) -> tuple[bool, Any]:
    value = row.get(name)
    return value is not None, value if value is not None else ""


def _given(request: Mapping[str, Any], name: str, default: Any) -> Any:
    value = request.get(name)
    return default if value is None else value


def _count(request: Mapping[str, Any], name: str, low: int, default: int) -> int:
    value = _given(request, name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise _bad(f"{name} must be an integer of {low} or more")
    return int(value)


def _bad(problem: str) -> ApiError:
    return invalid("searchRequest", problem)
