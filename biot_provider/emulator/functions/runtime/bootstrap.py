"""Loads a Python handler and answers calls with it, as Lambda's own runtime does.

Run as a script in the function's process by any Python from 3.8 on, with the standard library alone, and of that what
is loaded fast: a cold start waits for it. Messages come in as JSON lines by a file descriptor of their own and go out
by another: standard and error output are the plugin's.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import site
import sys
import time
import traceback
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_REQUESTS, _ANSWERS = 3, 4
_BINARY = "a binary body is answered in base64, with isBase64Encoded"
_ROOT = os.getcwd()  # noqa: PTH109  (a text)


class _Context:
    """The context object that Lambda passes to a handler."""

    def __init__(self, request_id: str, deadline: int) -> None:
        environment = os.environ
        self.aws_request_id = request_id
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn = (
            f"arn:aws:lambda:{environment['AWS_REGION']}:000000000000:function:{self.function_name}"
        )
        self.identity = None
        self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the time limit."""
        return max(0, self._deadline - int(time.time() * 1000))


class _LoadError(Exception):
    """The code cannot be loaded."""

    def __init__(self, error_type: str, text: str) -> None:
        super().__init__(text)
        self.error_type = error_type


def main() -> None:
    """Load the handler, then answer one call after the other until there are no more."""
    sys.path[0] = _ROOT
    sys.argv[:] = [""]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    # `exit` and `quit` are missing, since the site module is left out to hide installed modules.
    site.setquit()
    _set_up_logging()
    with os.fdopen(_REQUESTS, "rb") as requests:
        first = json.loads(requests.readline())
        try:
            handler = _load(first["handler"])
        except _LoadError as problem:
            _send(first["id"], "error", [problem.error_type, str(problem)])
            return
        _send(first["id"], "answer", None)
        for line in requests:
            message = json.loads(line)
            name, content = _call(handler, message, first["maxAnswer"])
            _send(message["id"], name, content)


def _set_up_logging() -> None:
    """Add a handler to all loggers, as Lambda does: otherwise records below warnings would be lost."""
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    logging.getLogger().addHandler(lines)


def _load(name: str) -> Callable[[Any, Any], Any]:
    module_name, dot, function_name = name.rpartition(".")
    if not (dot and module_name and function_name):
        text = f"the handler {name!r} names no function: it is written file.function, for example index.handler"
        raise _LoadError("Runtime.MalformedHandlerName", text)
    module_name = module_name.replace("/", ".")
    file = module_name.replace(".", "/") + ".py"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            text = f"the handler {name!r} needs {file}, which is not in the package"
            raise _LoadError("Runtime.ImportModuleError", text) from None
        _show(error)
        text = f"{file} cannot be loaded: {error}{_place(error)}: put what it needs into the package"
        raise _LoadError("Runtime.ImportModuleError", text) from None
    except ImportError as error:
        _show(error)
        text = f"{file} cannot be loaded: {error}{_place(error)}"
        raise _LoadError("Runtime.ImportModuleError", text) from None
    except SyntaxError as error:
        _show(error)
        where = _short(error.filename or file)
        raise _LoadError("Runtime.UserCodeSyntaxError", f"{where}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        _show(error)
        raise _LoadError("Handler.Raised", f"{file} raised while it was loaded: {_describe(error)}") from None
    function = getattr(module, function_name, None)
    if not callable(function):
        raise _LoadError(
            "Runtime.HandlerNotFound", f"{file} has no function {function_name!r}, which the handler names"
        )
    return function  # type: ignore[no-any-return]


def _call(handler: Callable[[Any, Any], Any], message: dict[str, Any], most: int) -> tuple[str, Any]:
    """Call the handler; return "answer" or "error", and its content."""
    try:
        answer = handler(message["event"], _Context(message["id"], message["deadline"]))
    except MemoryError as error:
        _show(error)
        limit = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        return "error", ["Function.OutOfMemory", f"the plugin needs more memory than its limit of {limit} MB allows"]
    except Exception as error:
        _show(error)
        return "error", ["Handler.Raised", _describe(error)]
    except SystemExit:
        raise
    except BaseException as error:
        # Lambda's runtime ends too.
        _show(error)
        sys.exit(1)
    if isinstance(answer, bytes):
        # Lambda sends bytes unchanged, and treats them as JSON.
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            text = f"the handler's answer is {len(answer)} bytes that are no JSON: {_BINARY}"
            return "error", ["Runtime.MarshalError", text]
    if isinstance(answer, types.CoroutineType):
        answer.close()
        return "error", ["Runtime.MarshalError", "the handler is async: Lambda calls it, but awaits nothing"]
    try:
        text = json.dumps(answer, default=_plain, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        return "error", ["Runtime.MarshalError", f"the handler's answer is not JSON: {error}"]
    # Half a surrogate pair is written as a JSON escape.
    content = text.encode(errors="backslashreplace")
    if len(content) > most:
        text = f"the handler's answer has {len(content)} bytes, more than Lambda's limit of {most}"
        return "error", ["Function.ResponseSizeTooLarge", text]
    return "answer", content


def _plain(value: Any) -> Any:
    """Return a value that JSON does not know as Lambda's runtime writes it."""
    if any((kind.__module__, kind.__name__) == ("decimal", "Decimal") for kind in type(value).__mro__):
        return float(value)
    hint = f": {_BINARY}" if isinstance(value, (bytes, bytearray)) else ""
    raise TypeError(f"there is a value of type {type(value).__name__} in it{hint}")


def _send(request_id: str, name: str, content: Any) -> None:
    """Write one message, after flushing the plugin's output."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    line = b'{"id": %s, "%s": %s}\n' % (json.dumps(request_id).encode(), name.encode(), body)
    try:
        while line:
            line = line[os.write(_ANSWERS, line) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.write(2, b"the plugin has closed the file descriptor that its answers go through\n")
        os._exit(1)


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "<its text cannot be read>"
    return f"{type(error).__name__}{': ' if text else ''}{text}{_place(error)}"


def _place(error: BaseException) -> str:
    """Return the place in the plugin's own files where an error was raised."""
    own = [frame for frame in _frames(error) if frame.filename.startswith(_ROOT + os.sep)]
    return f" ({_short(own[-1].filename)}, line {own[-1].lineno})" if own else ""


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the frames from the plugin's first own one on."""
    frames = list(traceback.extract_tb(error.__traceback__))
    while frames and not frames[0].filename.startswith(_ROOT + os.sep):
        del frames[0]
    return frames


def _show(error: BaseException) -> None:
    """Write the error to the plugin's log, with the frames of the plugin's files."""
    frames = _frames(error)
    if frames:
        sys.stderr.write("Traceback (most recent call last):\n")
        sys.stderr.write("".join(traceback.format_list(frames)).replace(_ROOT + os.sep, ""))
    sys.stderr.write("".join(traceback.format_exception_only(type(error), error)).replace(_ROOT + os.sep, ""))


def _short(path: str) -> str:
    return path[len(_ROOT) + 1 :] if path.startswith(_ROOT + os.sep) else path


main()
