"""Reads of many resources of one kind that share a search: one request returns a page of a hundred.

A search is no proof: it may show less than a GET of the resource, or lag behind it. So a row counts only if the
platform has shown one resource equally in both ways, and if the row has every member that a GET has. A caller that
finds anything new in a row, or no row at all, reads the resource by a GET.
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
"""How long a row counts, from the start of its request."""

_SEARCH_SECONDS = 5.0
"""A search that takes longer is abandoned, and none follows in this process. Its rows would arrive too old."""

_READS_PER_PAGE = 4
"""Reads without a row, for each remaining page, after which further pages are searched.

A stack of three plugins on a platform of thousands thus searches only the first page.
"""


class Page(NamedTuple, Generic[AnswerT]):
    """One page of a search; ``total`` counts the rows of all pages, None if the platform does not say."""

    rows: Sequence[AnswerT]
    total: int | None


class _Row(NamedTuple, Generic[AnswerT]):
    answer: AnswerT
    since: float


class SharedReads(Generic[AnswerT]):
    """The reads of one kind by one process, for all its threads.

    ``read`` gets one resource. ``search`` returns a page by its number, in a stable order, and takes its time limit in
    seconds; ``key`` returns the argument of ``read`` for a row. ``meaning`` returns the parts of a resource that both
    must show equally.
    """

    def __init__(
        self,
        read: Callable[[str], AnswerT],
        search: Callable[[int, float], Page[AnswerT]],
        key: Callable[[AnswerT], str],
        meaning: Callable[[AnswerT], object],
    ) -> None:
        self._read = read
        self._search_page = search
        self._key = key
        self._meaning = meaning
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
        """When this process last wrote each resource."""
        self._members: set[str] = set()
        """Every member that a GET has shown."""
        self._last_alone: tuple[str, AnswerT] | None = None
        self._are_alike = False
        """Whether a search and a GET have shown some resource equally."""

    def shown(self, key: str) -> AnswerT | None:
        """Return the resource as a search of seconds ago shows it; None if it must be read by a GET."""
        with self._lock:
            self._reads += 1
            if self._reads == 1 or self._is_off:  # a single resource is read by a GET
                return None
            self._misses += key not in self._rows
        try:
            while (row := self._row(key)) is None and self._is_page_due() and not self._is_off:
                self._searching.run(lambda seconds: self._search(key, seconds), _SEARCH_SECONDS)
        except (BiotError, TimeoutError):  # not permitted, unknown or down: the GET reports the problem
            self._is_off = True
        if row is None or self._is_off or not self._are_alike or not self._members <= row.answer.model_fields_set:
            return None
        self._rows.pop(key, None)  # a second read of the resource must see later changes
        return row.answer

    def alone(self, key: str) -> AnswerT:
        """Read one resource by a GET. Raises what ``read`` raises."""
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
        """Write the resource in the block: rows searched before its end no longer count."""
        self._forget(key)
        try:
            yield
        finally:
            self._forget(key)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._written[key] = time.monotonic()
            self._rows.pop(key, None)

    def _row(self, key: str) -> _Row[AnswerT] | None:
        row = self._rows.get(key)
        return row if row is not None and time.monotonic() - row.since < MAX_AGE_SECONDS else None

    def _is_page_due(self) -> bool:
        if time.monotonic() - self._since >= MAX_AGE_SECONDS:
            return True
        return 0 < self._pages_left <= self._misses / _READS_PER_PAGE

    def _search(self, key: str, seconds: float) -> None:
        """Search the next page, and compare its rows with the results of GETs."""
        if self._row(key) is not None or not self._is_page_due():
            return  # another thread has just searched it
        since = time.monotonic()
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
            # Set last, so that a read that finds a row also knows whether it counts.
            if is_first:
                self._rows, self._since, self._rows_searched = {}, since, 0
            self._next_page = number + 1
            self._rows_searched += len(page.rows)
            self._pages_left = _pages_left(page, self._rows_searched) if rows.keys() - self._rows.keys() else 0
            self._rows |= {
                name: _Row(row, since) for name, row in rows.items() if self._written.get(name, since - 1) < since
            }

    def _compare(self, alone: AnswerT, row: AnswerT) -> None:
        """Compare one resource in a GET and a search. A first difference ends the searches."""
        if not self._are_alike:
            are_whole = row.model_fields_set == alone.model_fields_set
            self._are_alike = are_whole and self._meaning(row) == self._meaning(alone)
            self._is_off = not self._are_alike


def _pages_left(page: Page[AnswerT], rows_searched: int) -> int:
    """Return the number of pages after this one, given the number of rows searched so far."""
    return 1 if page.total is None else max(-((rows_searched - page.total) // len(page.rows)), 0)
