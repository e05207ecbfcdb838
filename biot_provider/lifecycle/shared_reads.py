"""Reads of many resources of one kind that share a search: a page shows a hundred for the price of one request.

A search is no proof: it may show less than a read of the resource alone, or lag behind it. So its row counts only
where the platform has shown one resource alike in both ways, and where the row has every member that a read alone has.
Whoever finds anything new in a row, or no row at all, reads the resource alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from biot_provider.api.models.wide import Answer
from biot_provider.api.single_flight import SingleFlight
from biot_provider.errors import BiotError

if TYPE_CHECKING:
    from collections.abc import Iterator

AnswerT = TypeVar("AnswerT", bound=Answer)

MAX_AGE_SECONDS = 10.0
"""A row counts for so long from the start of its request."""

_SEARCH_SECONDS = 5.0
"""A search that takes longer is given up, for the rest of the process. Its rows would be too old when they come."""

_READS_PER_PAGE = 4
"""Reads that found no row, for each page that is left, before those pages are searched: a stack of three plugins on a
platform of thousands looks at the first page and no other."""


class Page(NamedTuple, Generic[AnswerT]):
    """One page of a search; ``total`` counts the rows of all pages, None where the platform does not say."""

    rows: Sequence[AnswerT]
    total: int | None


class _Row(NamedTuple, Generic[AnswerT]):
    answer: AnswerT
    since: float


class SharedReads(Generic[AnswerT]):
    """The reads of one kind by one process, for all its threads.

    ``read`` reads one resource alone. ``search`` gives a page by its number, in an order that stays, and takes its
    time in seconds; ``key`` is what ``read`` takes of a row. ``meaning`` is what of a resource both must show alike.
    """

    def __init__(
        self,
        read: Callable[[str], AnswerT],
        search: Callable[[int, float], Page[AnswerT]],
        key: Callable[[AnswerT], str],
        meaning: Callable[[AnswerT], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._search_page = search
        self._key = key
        self._meaning = meaning
        self._clock = clock
        self._lock = threading.Lock()
        self._searching: SingleFlight[None] = SingleFlight()
        self._is_off = False
        self._reads = 0
        self._misses = 0
        self._rows: dict[str, _Row[AnswerT]] = {}
        self._since = -MAX_AGE_SECONDS
        """When the first page was searched."""
        self._next_page = 0
        self._rows_searched = 0
        self._pages_left = 1
        self._written: dict[str, float] = {}
        """When this process wrote a resource last."""
        self._members: set[str] = set()
        """Every member that a read alone has shown."""
        self._last_alone: tuple[str, AnswerT] | None = None
        self._are_alike = False
        """Whether a resource was shown alike by a search and alone."""

    def shown(self, key: str) -> AnswerT | None:
        """Return the resource as a search of seconds ago shows it; None where it must be read alone."""
        with self._lock:
            self._reads += 1
            if self._reads == 1 or self._is_off:  # one resource is read alone
                return None
            self._misses += key not in self._rows
        try:
            while (row := self._row(key)) is None and self._is_page_due() and not self._is_off:
                self._searching.run(lambda seconds: self._search(key, seconds), _SEARCH_SECONDS)
        except (BiotError, TimeoutError):  # not permitted, unknown or down: what is wrong, a read alone says
            self._is_off = True
        if row is None or self._is_off or not self._are_alike or not self._members <= row.answer.model_fields_set:
            return None
        self._rows.pop(key, None)  # whoever reads the resource once more wants to see what has changed since
        return row.answer

    def alone(self, key: str) -> AnswerT:
        """Read the resource alone. Raises what ``read`` raises."""
        answer = self._read(key)
        row = self._row(key)
        with self._lock:
            self._members |= answer.model_fields_set
            self._last_alone = key, answer
            if row is not None:
                self._compare(answer, row.answer)
        return answer

    @contextmanager
    def written(self, key: str) -> Iterator[None]:
        """Write the resource in the block: no row that was searched before its end counts."""
        self._forget(key)
        try:
            yield
        finally:
            self._forget(key)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._written[key] = self._clock()
            self._rows.pop(key, None)

    def _row(self, key: str) -> _Row[AnswerT] | None:
        row = self._rows.get(key)
        return row if row is not None and self._clock() - row.since < MAX_AGE_SECONDS else None

    def _is_page_due(self) -> bool:
        if self._clock() - self._since >= MAX_AGE_SECONDS:
            return True
        return 0 < self._pages_left <= self._misses / _READS_PER_PAGE

    def _search(self, key: str, seconds: float) -> None:
        """Search the page that is due, and see whether its rows are what reads alone show."""
        if self._row(key) is not None or not self._is_page_due():
            return  # another thread has just searched it
        since = self._clock()
        is_first = since - self._since >= MAX_AGE_SECONDS
        number = 0 if is_first else self._next_page
        page = self._search_page(number, seconds)
        rows = {self._key(answer): answer for answer in page.rows}
        alone, seen = self._last_alone or ("", None)
        if seen is not None and alone in rows:
            self._compare(seen, rows[alone])
        elif key in rows and not self._are_alike:
            self._compare(self.alone(key), rows[key])
        with self._lock:
            # Only now, so that a read that finds a row also knows whether it counts.
            if is_first:
                self._rows, self._since, self._rows_searched = {}, since, 0
            self._next_page = number + 1
            self._rows_searched += len(page.rows)
            self._pages_left = _pages_left(page, self._rows_searched) if rows.keys() - self._rows.keys() else 0
            self._rows |= {
                name: _Row(row, since) for name, row in rows.items() if self._written.get(name, since - 1) < since
            }

    def _compare(self, alone: AnswerT, row: AnswerT) -> None:
        """Compare what a read alone and a search show of one resource. A first difference ends the searches."""
        if not self._are_alike:
            are_whole = row.model_fields_set == alone.model_fields_set
            self._are_alike = are_whole and self._meaning(row) == self._meaning(alone)
            self._is_off = not self._are_alike


def _pages_left(page: Page[AnswerT], rows_searched: int) -> int:
    """Return the pages behind this one, the last of those that have shown so many rows."""
    return 1 if page.total is None else max(-((rows_searched - page.total) // len(page.rows)), 0)
