"""Every error that this project raises, as one tree; notices and warnings; and the one place that makes their texts.

    BiotError
    ├── ConfigError       the connection's configuration is missing or wrong
    ├── InputError        arguments, a plugin.yaml or an override are wrong
    ├── PackagingError    a folder or .zip cannot become a deployment package
    ├── ImageError        an image cannot be built, read or pushed
    ├── LifecycleError    an operation stopped: what is known, and what to do
    ├── TransportError    no usable response: unreachable, cut off, or not the platform's
    │   └── CancelledError    the run was cancelled before there was one
    └── ApiError          the platform responded with an error
        ├── LoginError        it gave no token, so nothing else was sent
        ├── NotFoundError     it says that what is named does not exist
        └── ConflictError     it says that the name is taken

Each text can be understood by itself: the action, the response, the trace id, what to do, and the code under which
``biot-provider explain`` and the page of messages say more. Code that needs a part uses the attribute, and never parses
the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

DEFECT = "BIOT-9001"
"""The code of the message about a defect in this project."""


def coded(text: str, message_code: str | None) -> str:
    """Return a message with its code at the end of its first line; later lines are output of a program."""
    if message_code is None:
        return text
    first, line_end, rest = text.partition("\n")
    return f"{first} [{message_code}]{line_end}{rest}"


def warning(text: str, message_code: str | None) -> str:
    """Return a message as a warning."""
    return coded(f"warning: {text}", message_code)


def shown_size(size: int) -> str:
    """Return bytes as a message shows them. A MB is 1024 kB of 1024 bytes, as in the limits of AWS and the platform."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    number, unit = (size / 1024, "kB") if size < 1024**2 else (size / 1024**2, "MB")
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"


def shown_names(names: Sequence[str], most: int) -> str:
    """Return the first few names, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def reason(error: BaseException) -> str:
    """Return the system's words for an error, such as ``No space left on device``; without any, the error's type."""
    return getattr(error, "strerror", None) or type(error).__name__


def root_cause(error: BaseException) -> BaseException:
    """Return the first error of a chain, which libraries wrap in their own."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return error


class Notice(NamedTuple):
    """One line that an operation shows its user, and continues; it names its resource.

    A warning has a code of the catalogue of messages, what only informs has none. ``explains`` is a value from which
    the text follows: the line is not shown if the value is secret.
    """

    text: str
    message_code: str | None = None
    explains: str = ""

    @property
    def is_warning(self) -> bool:
        """Whether the user may have to do something."""
        return self.message_code is not None

    @property
    def line(self) -> str:
        """The text with its code, where the severity is shown in another way."""
        return coded(self.text, self.message_code)

    def about(self, subject: str) -> Notice:
        """Return the notice with what it is about."""
        return self._replace(text=f"{subject}: {self.text}")

    def __str__(self) -> str:
        return warning(self.text, self.message_code) if self.is_warning else self.text


class BiotError(Exception):
    """Any error that this project reports to its user; the text is one line without secrets.

    ``message_code``, such as ``BIOT-1001``, is the permanent code of the situation in the catalogue of messages; it is
    None if the text consists of several messages with codes. ``summary`` is the text without the ``advice``, which says
    what to do; ``text`` is both without the code. ``out_of_time`` is true when more time might have helped.
    """

    def __init__(
        self, summary: str, message_code: str | None, *, advice: str | None = None, out_of_time: bool = False
    ) -> None:
        self.text = f"{summary}. What to do: {advice}" if advice else summary
        super().__init__(coded(self.text, message_code))
        self.summary = summary
        self.message_code = message_code
        self.advice = advice
        self.out_of_time = out_of_time


class ConfigError(BiotError):
    """The connection's configuration is missing or wrong."""


class InputError(BiotError):
    """Arguments of a resource, a plugin.yaml or an override are wrong."""


class PackagingError(BiotError):
    """A folder or .zip cannot become a deployment package."""


class ImageError(BiotError):
    """An image cannot be built, read or pushed; after a failed build the text ends with the builder's last lines."""


class LifecycleError(BiotError):
    """An operation on a resource stopped; the text says what is known and what to do."""


class TransportError(BiotError):
    """No usable response came back to ``action``.

    ``unclear`` is true if the platform may still have carried out the request.
    """

    def __init__(
        self,
        problem: str,
        message_code: str,
        *,
        unclear: bool,
        action: str | None = None,
        advice: str | None = None,
        out_of_time: bool = False,
    ) -> None:
        text = f"{action}: {problem}" if action else problem
        super().__init__(text, message_code, advice=advice, out_of_time=out_of_time)
        self.action = action
        self.unclear = unclear


class CancelledError(TransportError):
    """The run was cancelled before a response came to ``action``, or before it was sent."""

    def __init__(self, action: str | None = None, *, unclear: bool) -> None:
        super().__init__(
            "cancelled while the platform worked on it" if unclear else "cancelled before anything was written",
            "BIOT-7012" if unclear else "BIOT-7011",
            action=action,
            advice="run `pulumi up` again: it finds out what became of it, and continues"
            if unclear
            else "run `pulumi up` again",
            unclear=unclear,
        )


class ApiError(BiotError):
    """The platform responded to ``action`` with an error (BioT API 2.4.2, ErrorResponse).

    ``code``, ``message`` and ``trace_id`` are the platform's, safe to show; ``message_code`` is ours. ``details`` are
    as the platform sent them and may contain secrets; the text has ``details_shown`` instead, and an ``excerpt`` of a
    body without code and message. ``retry_after`` is the seconds the platform asks to wait before a repeat, where it
    asks.
    """

    def __init__(
        self,
        action: str,
        message_code: str,
        *,
        status: int,
        code: str | None = None,
        message: str | None = None,
        details: Mapping[str, Any] | None = None,
        details_shown: str | None = None,
        trace_id: str | None = None,
        excerpt: str | None = None,
        advice: str | None = None,
        retry_after: float | None = None,
        out_of_time: bool = False,
    ) -> None:
        summary = f"{action}: the platform answered {status}"
        summary += f" {code}" if code else ""
        summary += f": {message}" if message else ""
        summary += f" with no error body of BioT's: {excerpt}" if excerpt else ""
        summary += f" ({details_shown})" if details_shown else ""
        summary += f" (trace id {trace_id})" if trace_id else ""
        super().__init__(summary, message_code, advice=advice, out_of_time=out_of_time)
        self.action = action
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.trace_id = trace_id
        self.retry_after = retry_after

    @property
    def unclear(self) -> bool:
        """Whether the platform may still have carried out the request: any 5xx, including a failed rollback."""
        return self.status >= 500


class LoginError(ApiError):
    """The platform gave no token, for any reason: the request that needed the token was never sent."""

    @property
    def unclear(self) -> bool:
        """False: nothing was sent that the platform could have acted on."""
        return False


class NotFoundError(ApiError):
    """The platform reports that a plugin, service user, key or subscription is gone; other 404s stay ApiErrors."""


class ConflictError(ApiError):
    """The name is taken: a plugin, or a service user, of that name exists already."""
