"""When a call is over, what it answers and what it may do is as on Lambda: each case is what AWS's runtimes do.

Sources: aws-lambda-nodejs-runtime-interface-client 3 (up to nodejs22.x) and 4 (from nodejs24.x on),
aws-lambda-python-runtime-interface-client, and the AWS Lambda Developer Guide.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biot_provider.emulator.functions.runtime import Function, FunctionSettings, Invocation

PYTHON, NODE, LATER_NODE = f"python{sys.version_info[0]}.{sys.version_info[1]}", "nodejs22.x", "nodejs24.x"

Start = Callable[..., Function]


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """What makes a function of one file, in a folder `code`, and of other files beside it."""
    with contextlib.ExitStack() as closing:

        def make(code: str, file: str = "index.js", others: dict[str, str] | None = None, **settings: Any) -> Function:
            for path, content in {f"code/{file}": code, **(others or {})}.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(content)
            given = {
                "name": "guard",
                "runtime": PYTHON if file.endswith(".py") else NODE,
                "handler": "index.handler",
                "timeout": 60,
                "memory_size": 256,
                "variables": {"AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING": "1"},
                **settings,
            }
            return closing.enter_context(Function(folder / "code", FunctionSettings(**given)))

        yield make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting(tmp_path) as start:
        yield start


def outcome(call: Invocation) -> tuple[Any, str | None]:
    return call.answer, call.error_type


def written(call: Invocation) -> list[str]:
    """The log without the frames of stacks, and without the version that runs it."""
    return [line for line in call.logs if not line.startswith(("    at ", "Node.js 24 is not installed"))]


NODE_CALLS = [
    # The handler, what comes of its call, and what it writes. These leave nothing behind, and share a process.
    ("(e, c, cb) => { setTimeout(() => console.log('after'), 20); cb(null, 1); }", (1, None), ["after"]),
    ("(e, c, cb) => { cb(null, 1); cb(null, 2); }", (1, None), []),
    ("async () => {}", (None, None), []),
    ("async () => { throw 'text'; }", (None, "Handler.Raised"), ["thrown: text"]),
    ("async () => { throw { code: 5 }; }", (None, "Handler.Raised"), ["thrown: { code: 5 }"]),
    ("async () => { throw Object.create(null); }", (None, "Handler.Raised"), ["thrown: [Object: null prototype] {}"]),
    ("() => Promise.reject()", (None, "Handler.Raised"), ["thrown: handled"]),
    ("async () => 10n", (None, "Runtime.JSONStringifyError"), []),
]
NODE_CALLS_APART = [
    # Likewise; these leave something behind, or end their process.
    ("(e, c, cb) => { setInterval(() => {}, 50); cb(new Error('no')); }", (None, "Handler.Raised"), ["Error: no"]),
    ("(e, c) => { setInterval(() => {}, 50); c.callbackWaitsForEmptyEventLoop = true; c.succeed(1); }", (1, None), []),
    (
        "(e, c, cb) => { setInterval(() => {}, 50); c.callbackWaitsForEmptyEventLoop = false; cb(null, 1); }",
        (1, None),
        [],
    ),
    (
        "(e, c, cb) => { setTimeout(() => { throw new Error('x'); }, 5); cb(null, 1); }",
        (None, "Handler.Raised"),
        ["Error: x"],
    ),
    ("async () => { setInterval(() => {}, 50); console.log('now'); return 1; }", (1, None), ["now"]),
    ("async () => { setTimeout(() => console.log('frozen'), 3000); return 1; }", (1, None), []),
    ("async () => new Promise(() => {})", (None, "Runtime.NodeJsExit"), []),
    (
        "() => new Promise(() => {})",
        (None, None),
        ["the handler's promise never settled: nothing is left to run, and it has no answer"],
    ),
    ("async () => process.exit(0)", (None, "Runtime.ExitError"), []),
    ("(e, c) => { c.succeed(1); process.exit(3); }", (1, None), []),
    (
        "async () => { Promise.reject(new Error('lost')); return 1; }",
        (1, None),
        ["left behind by a call that was answered:", "Error: lost"],
    ),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """A function of all of NODE_CALLS; the event names one."""
    handlers = ",\n".join(handler for handler, _, _ in NODE_CALLS)
    code = f"const handlers = [{handlers}];\nexports.handler = (e, c, cb) => handlers[e.number](e, c, cb);"
    with starting(tmp_path_factory.mktemp("node")) as start:
        yield start(code)


@pytest.mark.parametrize("number", range(len(NODE_CALLS)), ids=[handler for handler, _, _ in NODE_CALLS])
def test_a_nodejs_call_ends_as_on_lambda(node: Function, number: int) -> None:
    for _ in range(2):
        call = node.invoke({"number": number})
        assert (outcome(call), written(call)) == NODE_CALLS[number][1:]


@pytest.mark.parametrize(("handler", "expected", "logs"), NODE_CALLS_APART)
def test_a_nodejs_call_that_leaves_something_behind_ends_as_on_lambda(
    start: Start, handler: str, expected: tuple[Any, str | None], logs: list[str]
) -> None:
    function = start(f"exports.handler = {handler};")
    for _ in range(2):
        call = function.invoke({})
        assert (outcome(call), written(call)) == (expected, logs)


def test_a_callback_that_waits_for_an_open_interval_is_a_time_out_that_names_it(start: Start) -> None:
    call = start("exports.handler = (e, c, cb) => { setInterval(() => {}, 50); cb(null, 1); };", timeout=0.5).invoke({})
    assert call.error_type == "Sandbox.Timedout"
    assert call.error == (
        "Task timed out after 0.50 seconds: the handler did not answer within its time limit of 0.5 s: the answer is "
        "there, but the event loop is not empty (Timeout), and context.callbackWaitsForEmptyEventLoop is not false"
    )


LATER_CALLS = [
    ("() => ({ plain: true })", ({"plain": True}, None)),
    ("async () => new Promise(() => {})", (None, "Runtime.NodeJsExit")),
    ("() => new Promise(() => {})", (None, "Runtime.NodeJsExit")),
    ("async () => { Promise.reject(new Error('lost')); return 1; }", (None, "Runtime.UnhandledPromiseRejection")),
    ("async (e, c) => c.succeed === undefined && c.callbackWaitsForEmptyEventLoop === undefined", (True, None)),
    ("async (e, c, cb) => 1", (None, "Runtime.CallbackHandlerDeprecated")),
]


@pytest.mark.parametrize(("handler", "expected"), LATER_CALLS)
def test_from_nodejs24_on_a_call_ends_as_on_lambda(
    start: Start, handler: str, expected: tuple[Any, str | None]
) -> None:
    function = start(f"exports.handler = {handler};", runtime=LATER_NODE)
    assert [outcome(function.invoke({})) for _ in range(2)] == [expected, expected]


def test_what_a_call_leaves_behind_is_frozen_until_the_next_one(start: Start) -> None:
    waits = "await new Promise((done) => setTimeout(done, event.wait));"
    code = f"exports.handler = async (event) => {{ setTimeout(() => console.log('late'), event.late); {waits} }};"
    function = start(code)
    live: list[str] = []
    function.invoke({"late": 1500, "wait": 0}, log=live.append)
    time.sleep(1.7)
    assert live == []
    assert function.invoke({"late": 9000, "wait": 30}).logs == ("late",)


def test_a_thread_is_frozen_between_two_calls(start: Start) -> None:
    code = (
        "import threading, time\n"
        "ticks = []\n"
        "def tick():\n"
        "    while True: ticks.append(time.sleep(0.01))\n"
        "threading.Thread(target=tick, daemon=True).start()\n"
        "def handler(event, context): return len(ticks)\n"
    )
    function = start(code, "index.py")
    before = function.invoke({}).answer
    time.sleep(2)
    assert function.invoke({}).answer - before < 100


def test_a_callback_handler_is_warned_of_its_end(start: Start) -> None:
    call = start("exports.handler = (e, c, cb) => cb(null, 1);", variables={}).invoke({})
    assert call.logs == ("the handler takes a callback, which Lambda does not call from nodejs24.x on: make it async",)


MODULES = [
    ("index.mjs", "const x = await Promise.resolve(3); export const handler = async () => x;", {}, (3, None)),
    ("index.mjs", "await new Promise(() => {}); export const handler = 1;", {}, (None, "Runtime.NodeJsExit")),
    ("index.mjs", "export default { handler: async () => 1 };", {}, (None, "Runtime.HandlerNotFound")),
    ("index.cjs", "module.exports = Object.assign({}, { handler: async () => 1 });", {}, (1, None)),
    ("index.js", "export const handler = async () => 1;", {"code/package.json": '{"type": "module"}'}, (1, None)),
]
AROUND = {"package.json": '{"type": "module"}', "node_modules/dep/index.js": "module.exports = 'outside';"}


@pytest.mark.parametrize(
    ("file", "code", "others", "expected", "around"), [*((*one, AROUND) for one in MODULES), (*MODULES[-1], {})]
)
def test_modules_are_loaded_as_on_lambda_whatever_is_around_the_code(
    start: Start, file: str, code: str, others: dict[str, str], expected: Any, around: dict[str, str]
) -> None:
    assert outcome(start(code, file, {**others, **around}).invoke({})) == expected


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("index.js", "exports.handler = async () => [require('./b'), require('dep')];"),
        ("index.mjs", "import b from './b.js'; export const handler = async () => [b, (await import('dep')).default];"),
    ],
)
def test_only_the_packages_own_modules_are_there(start: Start, file: str, code: str) -> None:
    own = {"code/b.js": "module.exports = 'b';"}
    call = start(code, file, {**own, **AROUND}).invoke({})
    assert call.error is not None
    assert call.error.startswith("Error: Cannot find package 'dep'")

    dependency = {"code/node_modules/dep/index.js": "module.exports = 'inside';"}
    assert start(code, file, {**own, **dependency, **AROUND}).invoke({}).answer == ["b", "inside"]


STREAMS = [
    (
        "async (e, s) => { s.setContentType('text/plain'); s.write('a'); s.end('b'); }",
        {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "ab", "isBase64Encoded": False},
    ),
    (
        "async (e, s) => { s = awslambda.HttpResponseStream.from(s, { statusCode: 201, cookies: ['a=b'] });"
        " s.write(Buffer.from([137, 80])); s.end(); }",
        {
            "statusCode": 201,
            "headers": {"content-type": "application/octet-stream"},
            "cookies": ["a=b"],
            "body": "iVA=",
            "isBase64Encoded": True,
        },
    ),
    (
        "async (e, s) => require('stream/promises').pipeline(require('stream').Readable.from(['a', 'b']), s)",
        {
            "statusCode": 200,
            "headers": {"content-type": "application/octet-stream"},
            "body": "ab",
            "isBase64Encoded": False,
        },
    ),
    ("async (e, s) => { s.write({ a: 1 }); }", "the response stream was never ended: call responseStream.end()"),
    ("(e, s) => s.end('x')", "Error: Streaming does not support non-async handlers."),
    ("async (e, s) => { s.write('x'); throw new Error('mid'); }", "Error: mid (index.js, line 1)"),
    ("async (e, s) => s.end('x'.repeat(6300000))", "the streamed answer has more bytes than Lambda's limit of 6291556"),
]


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """A function of all of STREAMS; the event names one."""
    handlers = ", ".join(handler for handler, _ in STREAMS)
    choice = "(e, s) => handlers[e.number](e, s)"
    code = f"const handlers = [{handlers}]; exports.handler = awslambda.streamifyResponse({choice});"
    with starting(tmp_path_factory.mktemp("streaming")) as start:
        yield start(code)


@pytest.mark.parametrize("number", range(len(STREAMS)), ids=[handler for handler, _ in STREAMS])
def test_a_streamed_answer_is_collected(streaming: Function, number: int) -> None:
    expected = STREAMS[number][1]
    for _ in range(2):
        call = streaming.invoke({"number": number})
        assert (call.error if isinstance(expected, str) else call.answer) == expected


def test_the_log_says_once_that_a_streamed_answer_is_collected(start: Start) -> None:
    function = start("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end());")
    text = "awslambda.streamifyResponse: the answer is collected here and goes out whole"
    assert [function.invoke({}).logs for _ in range(2)] == [(text,), ()]


def test_status_and_headers_of_a_stream_need_a_write(start: Start) -> None:
    handler = "async (e, s) => awslambda.HttpResponseStream.from(s, { statusCode: 201 }).end('x')"
    call = start(f"exports.handler = awslambda.streamifyResponse({handler});").invoke({})
    assert call.answer["statusCode"] == 200
    assert call.logs[-1] == "the status and headers of HttpResponseStream need a write() before end()"


PYTHON_CALLS: list[tuple[str, Any]] = [
    ("return b'{\"a\": 1}'", {"a": 1}),
    ("return b'\\x89PNG'", "the handler's answer is 4 bytes that are no JSON: a binary body is answered in base64,"),
    ("return {'body': b'x'}", "there is a value of type bytes in it: a binary body is answered in base64, with"),
    ("return (n for n in [1])", "the handler's answer is not JSON: there is a value of type generator in it"),
    ("return main()", "the handler is async: Lambda calls it, but awaits nothing"),
    ("sys.exit('bye')", "the plugin's process ended with exit code 1 before it answered"),
    ("raise KeyboardInterrupt", "the plugin's process ended with exit code 1 before it answered"),
    ("raise Unreadable", "Unreadable: <its text cannot be read> (index.py, line 13)"),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """A function of all of PYTHON_CALLS; the event names one."""
    code = (
        "import sys\n"
        "class Unreadable(Exception):\n"
        "    def __str__(self): raise ValueError\n"
        "async def main(): ...\n"
        "def handler(event, context):\n"
    )
    for number, (statement, _) in enumerate(PYTHON_CALLS):
        code += f"    if event['number'] == {number}: {statement}\n"
    with starting(tmp_path_factory.mktemp("python")) as start:
        yield start(code, "index.py")


@pytest.mark.parametrize("number", range(len(PYTHON_CALLS)), ids=[statement for statement, _ in PYTHON_CALLS])
def test_a_python_call_ends_as_on_lambda(python: Function, number: int) -> None:
    call, expected = python.invoke({"number": number}), PYTHON_CALLS[number][1]
    assert expected in call.error if call.error is not None else call.answer == expected
    assert not any("bootstrap.py" in line for line in call.logs)


def test_code_that_ends_its_process_while_it_is_loaded_says_so(start: Start) -> None:
    call = start("import sys\nsys.exit(0)\n", "index.py").invoke({})
    text = "the plugin's process ended with exit code 0 before it answered, while its code was loaded"
    assert (call.error_type, call.error) == ("Runtime.ExitError", text)


READ_ONLY = "the plugin writes into its code folder, which is read-only on Lambda (TMPDIR is not): "


WRITES = [
    # What a call writes, and what the warning says has changed.
    ("open('cache.json', 'w').close()", "cache.json"),
    ("open('index.py', 'a').write('#')", "index.py"),
    ("os.makedirs('a/b', exist_ok=True)", "a/, a/b/"),
    ("open('x.lock', 'w').close(); os.remove('x.lock')", "./"),
    ("[open(f'{n}.json', 'w').close() for n in range(5)]", "0.json, 1.json, 2.json and 2 more"),
    ("os.makedirs('__pycache__', exist_ok=True)", None),
    ("open(os.environ['TMPDIR'] + '/x', 'w').close()", None),
]


def test_a_call_that_writes_into_its_code_folder_is_warned_of(start: Start) -> None:
    code = "import os\ndef handler(event, context):\n"
    for number, (statement, _) in enumerate(WRITES):
        code += f"    if event['number'] == {number}: {statement}\n"
    function = start(code + "    return 1\n", "index.py")
    assert function.invoke({"number": None}).warnings == ()
    for number, (_, changed) in enumerate(WRITES):
        call = function.invoke({"number": number})
        assert outcome(call) == (1, None)
        assert call.warnings == (() if changed is None else (READ_ONLY + changed,))
        assert function.invoke({"number": None}).warnings == ()


@pytest.mark.parametrize(("size", "kind"), [(3, None), (6, "Handler.Raised")])
def test_one_file_is_no_larger_than_the_ephemeral_storage(start: Start, size: int, kind: str | None) -> None:
    write = f"require('fs').writeFileSync(process.env.TMPDIR + '/x', Buffer.alloc({size} << 20))"
    code = f"exports.handler = async () => {{ {write}; }};"
    call = start(code, ephemeral_storage=5).invoke({})
    assert call.error_type == kind
    assert kind is None or "EFBIG: file too large" in (call.error or "")


def test_more_files_than_the_ephemeral_storage_holds_fail_the_call(start: Start) -> None:
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    for n in range(event['files']):\n"
        "        with open(f'{os.environ[\"TMPDIR\"]}/{n}', 'wb') as file: file.write(bytes(2 << 20))\n"
        "    return os.getpid()\n"
    )
    function = start(code, "index.py", ephemeral_storage=5)
    first = function.invoke({"files": 1}).answer
    call = function.invoke({"files": 3})
    text = "the plugin has stored 6 MB in its temporary folder, more than its ephemeral storage of 5 MB"
    assert (call.error_type, call.error) == ("Function.OutOfStorage", text)
    assert function.invoke({"files": 1}).answer != first


def test_an_event_that_is_too_large_is_not_sent(start: Start) -> None:
    function = start("exports.handler = async () => 1;", memory_size=512)
    call = function.invoke({"text": "ü" * 3_200_000})
    assert (call.error_type, call.error) == (
        "RequestTooLargeException",
        "the event has 6400012 bytes, more than Lambda's limit of 6291456",
    )
    assert function.invoke({"text": "ü" * 3_000_000}).answer == 1
