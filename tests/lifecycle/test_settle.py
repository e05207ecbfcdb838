"""The time one write has, and what is done in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_mock import MockerFixture

from biot_provider.errors import ApiError, BiotError, ConflictError, LifecycleError, NotFoundError, TransportError
from biot_provider.lifecycle.settle import Deadline, settle, unclear, worth_repeating


@dataclass
class Clock:
    """A clock that moves when somebody sleeps or works."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(mocker: MockerFixture) -> Clock:
    clock = Clock()
    mocker.patch("biot_provider.lifecycle.settle.pause", side_effect=clock.sleep)
    return clock


CODE = "BIOT-0000"


def api(status: int, code: str | None = None, **details: Any) -> ApiError:
    return ApiError(f"{status} {code}", CODE, status=status, code=code, details=details)


LOST = TransportError("lost", CODE, unclear=True)


def test_writes_leave_a_little_time_for_a_last_read(clock: Clock) -> None:
    deadline = Deadline(300, clock)
    assert (deadline.for_write(), deadline.for_read()) == (295, 300)
    clock.now += 296
    assert (deadline.for_write(), deadline.for_read()) == (0.5, 4)
    clock.now += 100
    assert deadline.for_read() == 1
    assert Deadline(2, clock).for_write() == pytest.approx(1.6)


def test_a_write_that_took_all_the_time_is_followed_by_a_read_and_by_no_write(clock: Clock) -> None:
    deadline = Deadline(10, clock)
    done: list[str] = []

    def write() -> str:
        done.append("write")
        clock.now += deadline.for_write()
        raise LOST

    def read() -> str:
        done.append("read")
        return "nothing"

    with pytest.raises(LifecycleError, match=r"^lost\. It is not there \[BIOT-5004\]$"):
        settle(deadline, write, read, lambda *_: None, "It is not there")
    assert done == ["write", "read"]
    assert clock.slept == []
    assert settle(Deadline(10, clock), write, read, lambda found, _: found, "") == "nothing"


def test_waits_double_with_jitter_and_stay_within_the_time(clock: Clock) -> None:
    writes = 0

    def write() -> None:
        nonlocal writes
        writes += 1
        raise LOST

    with pytest.raises(LifecycleError):
        settle(Deadline(300, clock), write, lambda: None, lambda *_: None, "")
    assert writes == 5
    for wait, middle in zip(clock.slept, (1, 2, 4, 8), strict=True):
        assert 0.7 * middle <= wait <= 1.3 * middle

    clock.slept.clear()
    begin = clock.now
    with pytest.raises(LifecycleError):
        settle(Deadline(4, clock), write, lambda: None, lambda *_: None, "")
    assert clock.now - begin <= 4


def test_a_failed_read_is_tried_again_and_nothing_is_written_until_one_succeeds(clock: Clock) -> None:
    done: list[str] = []
    reads = iter([api(404), LOST, "it"])

    def write() -> str:
        done.append("write")
        raise LOST

    def read() -> str:
        done.append("read")
        event = next(reads)
        if isinstance(event, BiotError):
            raise event
        return str(event)

    assert settle(Deadline(300, clock), write, read, lambda found, _: found, "") == "it"
    assert done == ["write", "read", "read", "read"]


def test_a_read_that_says_gone_is_an_answer(clock: Clock) -> None:
    def write() -> None:
        raise LOST

    def read() -> None:
        raise NotFoundError("gone", CODE, status=404, code="PLUGIN_NOT_FOUND")

    with pytest.raises(NotFoundError):
        settle(Deadline(300, clock), write, read, lambda *_: None, "")


@pytest.mark.parametrize(
    ("error", "acted", "repeat"),
    [
        (LOST, True, True),
        (TransportError("no connection", CODE, unclear=False), False, False),
        (api(400), False, False),
        (api(404), False, False),
        (api(429), False, True),
        (api(500, "INTERNAL_SERVER_ERROR"), True, True),
        (api(502), True, True),
        (api(504, "GATEWAY_TIMEOUT"), True, True),
        (api(500, "PLUGIN_ROLLBACK_FAILED", apiName="createPlugin"), True, True),
        (api(500, "AWS_EXCEPTION", className="ResourceConflictException"), True, True),
        (api(500, "AWS_EXCEPTION", className="TooManyRequestsException"), True, True),
        (api(500, "AWS_EXCEPTION", className="InvalidParameterValueException"), True, False),
        (api(500, "AWS_EXCEPTION"), True, False),
        (ConflictError("taken", CODE, status=409, code="PLUGIN_EXISTS_BY_NAME"), False, False),
        (LifecycleError("stop", CODE), False, False),
    ],
    ids=str,
)
def test_what_an_error_says_of_the_outcome(error: BiotError, acted: bool, repeat: bool) -> None:
    assert (unclear(error), worth_repeating(error)) == (acted, repeat)
