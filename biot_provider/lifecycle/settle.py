"""Repeats of one write, within a deadline, and errors that report its outcome.

A write with an unclear outcome is never simply repeated: ``settle`` reads the outcome first. Its last step, with time
left or not, is such a read, so that an error reports what is known.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from biot_provider.errors import ApiError, BiotError, LifecycleError, LoginError, NotFoundError, TransportError

FoundT = TypeVar("FoundT")
ResultT = TypeVar("ResultT")

_ATTEMPTS = 5
_LAST_READ = 5.0
_TRANSIENT_AWS = ("Conflict", "TooManyRequests", "Throttl", "ServiceException", "Internal", "Timeout")


class Deadline:
    """The time one write has in all, repeats included; a little of it is kept for a last read."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._last_write = self._end - min(_LAST_READ, seconds / 5)
        self.retry_after = 0.0
        """Seconds that the platform wants before the next attempt."""

    def for_write(self) -> float:
        """Seconds a write may take now, half a second at the least."""
        return max(self._last_write - self._clock(), 0.5)

    def for_read(self) -> float:
        """Seconds a read may take now, one at the least so that a last one is still possible."""
        return max(self._end - self._clock(), 1.0)

    def attempts(self) -> Iterator[bool]:
        """Whether there may be one more write: true with backoff and jitter before each, false once at the end."""
        yield True
        for attempt in range(1, _ATTEMPTS):
            backoff = min(2.0 ** (attempt - 1), 10.0) * random.uniform(0.7, 1.3)  # noqa: S311
            wait = max(backoff, self.retry_after)
            if self._clock() + wait >= self._last_write:
                break
            time.sleep(wait)
            yield True
        yield False


def settle(
    deadline: Deadline,
    write: Callable[[], ResultT],
    read: Callable[[], FoundT],
    judge: Callable[[FoundT, BiotError], ResultT | None],
    not_done: str,
) -> ResultT:
    """Write, and after an unclear outcome read before anything is repeated.

    ``judge`` takes what was read and the error: its result when what was wanted is there, None when it is not.
    ``not_done`` says in the last error what a result of None means. Raises whatever is clear as it comes.
    """
    failed: BiotError | None = None
    unread: BiotError | None = None
    for may_write in deadline.attempts():
        if failed is not None:
            unread = None
            try:
                found = read()
            except NotFoundError:
                raise
            except (ApiError, TransportError) as error:
                unread = error
                continue
            result = judge(found, failed)
            if result is not None:
                return result
            if not worth_repeating(failed):
                raise failed
            if not may_write:
                raise LifecycleError(f"{failed.summary}. {not_done}", advice=failed.advice)
        try:
            return write()
        except (ApiError, TransportError) as error:
            if not (unclear(error) or worth_repeating(error)):
                raise
            failed = error
            deadline.retry_after = (isinstance(error, ApiError) and error.retry_after) or 0.0
    assert failed is not None  # noqa: S101  (there is no end without a failed write)
    assert unread is not None  # noqa: S101
    raise LifecycleError(
        f"{failed.summary}. What became of it is not known, since reading failed too: {unread.summary}",
        advice=unread.advice or failed.advice,
    )


def unclear(error: BiotError) -> bool:
    """Whether the platform may have acted although the request failed."""
    return isinstance(error, ApiError | TransportError) and error.unclear


def worth_repeating(error: BiotError) -> bool:
    """Whether the same write may succeed when it is sent again, once it is known that it did not."""
    if isinstance(error, ApiError) and error.code == "AWS_EXCEPTION":
        return any(word in str(error.details.get("className", "")) for word in _TRANSIENT_AWS)
    throttled = isinstance(error, ApiError) and error.status == 429 and not isinstance(error, LoginError)
    return unclear(error) or throttled


def rollback_failed(error: BiotError) -> bool:
    """Whether the platform says that it left a failed write half done."""
    return isinstance(error, ApiError) and error.code == "PLUGIN_ROLLBACK_FAILED"
