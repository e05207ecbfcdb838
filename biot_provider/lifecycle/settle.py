"""Repeats of one write, within a deadline, and errors that report its outcome.

A write with an unclear outcome is never simply repeated: ``settle`` reads the outcome first. The last step is always
such a read, even if the time is used up, so that an error reports what is known.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from biot_provider.api.cancellation import Cancellation, allowed_until, pause
from biot_provider.errors import (
    ApiError,
    BiotError,
    CancelledError,
    LifecycleError,
    LoginError,
    NotFoundError,
    TransportError,
)

FoundT = TypeVar("FoundT")
ResultT = TypeVar("ResultT")

_ATTEMPTS = 5
"""Maximum number of writes, including the first."""
_LAST_READ_SECONDS = 5.0
"""Seconds reserved for the last read, but at most a fifth of the whole time."""
_LAST_LOOK_SECONDS = 2.0
"""Seconds to find out the outcome of a write, and to record it, after the run was cancelled."""
_TRANSIENT_AWS = ("Conflict", "TooManyRequests", "Throttl", "ServiceException", "Internal", "Timeout")


class Deadline:
    """The total time limit of one write, repeats included; a little of it is reserved for a last read.

    ``cancellation`` ends it early, except for a last read of the write's outcome.
    """

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._clock = clock
        self._cancellation = cancellation or Cancellation()
        self._last_look_ends: float | None = None
        self.may_have_written = False
        """Whether a write of this operation was made, or may have been."""
        self._end = clock() + seconds
        self._last_write = self._end - min(_LAST_READ_SECONDS, seconds / 5)
        self.retry_after = 0.0
        """Seconds that the platform asks to wait before the next attempt."""

    def for_write(self) -> float:
        """Seconds that a write may take now, at least half a second."""
        return max(self._last_write - self._clock(), 0.5)

    def for_read(self) -> float:
        """Seconds that a read may take now, at least one, so that a last read is always possible."""
        return max(self._end - self._clock(), 1.0)

    def attempts(self) -> Iterator[bool]:
        """Yield True before each allowed write, after backoff and jitter, and False once at the end."""
        yield True
        for attempt in range(1, _ATTEMPTS):
            backoff = min(2.0 ** (attempt - 1), 10.0) * random.uniform(0.7, 1.3)  # noqa: S311
            wait = max(backoff, self.retry_after)
            if self._clock() + wait >= self._last_write:
                break
            try:
                with self._cancellation.scope():
                    pause(wait)
            except CancelledError:
                break
            yield True
        yield False

    @property
    def is_cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self._cancellation.is_cancelled

    @contextmanager
    def last_look(self) -> Iterator[None]:
        """Allow requests in the block even after a cancellation, within one time limit for the whole operation."""
        if not self.is_cancelled:
            yield
            return
        if self._last_look_ends is None:
            self._last_look_ends = time.monotonic() + _LAST_LOOK_SECONDS
        with allowed_until(self._last_look_ends):
            yield


def settle(
    deadline: Deadline,
    write: Callable[[], ResultT],
    read: Callable[[], FoundT],
    judge: Callable[[FoundT, BiotError], ResultT | None],
    not_done: str,
) -> ResultT:
    """Make a write, and after an unclear outcome read before repeating it.

    ``judge`` gets the object that was read and the error, and returns the result if the write took effect, None if it
    did not. ``not_done`` describes a result of None in the last error. Clear errors are raised unchanged. When the run
    is cancelled, the outcome of a write that was sent is read once more, and nothing is repeated.
    """
    try:
        return _settle(deadline, write, read, judge, not_done)
    except CancelledError as error:
        if error.unclear or not deadline.may_have_written:
            raise
        raise LifecycleError(
            f"{error.action}: cancelled; what the operation had written before that stays, and is not recorded",
            "BIOT-5003",
            advice="run `pulumi up` again: it finds what is there, and continues",
        ) from None


def _settle(
    deadline: Deadline,
    write: Callable[[], ResultT],
    read: Callable[[], FoundT],
    judge: Callable[[FoundT, BiotError], ResultT | None],
    not_done: str,
) -> ResultT:
    failed: BiotError | None = None
    unread: BiotError | None = None
    for may_write in deadline.attempts():
        if failed is not None:
            unread = None
            with deadline.last_look():
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
                cancelled = deadline.is_cancelled and not isinstance(failed, CancelledError)
                stopped = ", and the run was cancelled before another attempt" if cancelled else ""
                raise LifecycleError(f"{failed.summary}. {not_done}{stopped}", "BIOT-5004", advice=failed.advice)
        try:
            written = write()
            deadline.may_have_written = True
            return written
        except (ApiError, TransportError) as error:
            if not (unclear(error) or worth_repeating(error)):
                raise
            failed = error
            deadline.may_have_written |= unclear(error)
            deadline.retry_after = (isinstance(error, ApiError) and error.retry_after) or 0.0
    assert failed is not None  # noqa: S101  (there is no end without a failed write)
    assert unread is not None  # noqa: S101
    raise _not_known(failed, unread)


def _not_known(failed: BiotError, unread: BiotError) -> LifecycleError:
    """Return the error for a failed write if its outcome cannot be read either."""
    unknown = f"{failed.summary}. What became of it is not known"
    if isinstance(unread, CancelledError):
        return LifecycleError(f"{unknown}: reading took too long", "BIOT-5005", advice=failed.advice)
    return LifecycleError(
        f"{unknown}, since reading failed too: {unread.summary}", "BIOT-5005", advice=unread.advice or failed.advice
    )


def unclear(error: BiotError) -> bool:
    """Return whether the platform may have acted although the request failed."""
    return isinstance(error, ApiError | TransportError) and error.unclear


def worth_repeating(error: BiotError) -> bool:
    """Return whether a write that is known to have failed may succeed when it is sent again."""
    if isinstance(error, ApiError) and error.code == "AWS_EXCEPTION":
        return any(word in str(error.details.get("className", "")) for word in _TRANSIENT_AWS)
    throttled = isinstance(error, ApiError) and error.status == 429 and not isinstance(error, LoginError)
    return unclear(error) or throttled


def rollback_failed(error: BiotError) -> bool:
    """Return whether the platform reports that it left a failed write half done."""
    return isinstance(error, ApiError) and error.code == "PLUGIN_ROLLBACK_FAILED"
