"""Whether a handler's file is in the package, and what is reported when it is not."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from biot_provider.emulator.functions.runtime import Function, FunctionSettings, unpack
from biot_provider.package.package import Package, read_package
from biot_provider.package.source_file import PackageFile
from biot_provider.plugin.handler.problem import handler_problem

COMMONJS = "exports.handler = async () => 1; exports.a = { b: { handler: exports.handler } };"
ES_MODULE = "export const handler = async () => 1;"
PYTHON = "def handler(event, context): return 1"


def package_of(*paths: str, source: Path = Path("plugin")) -> Package:
    return Package(source, tuple(PackageFile(path, 1, "0" * 64, executable=False) for path in sorted(paths)))


@pytest.mark.parametrize(
    ("runtime", "handler", "path"),
    [
        ("nodejs22.x", "index.handler", "index.js"),
        ("nodejs22.x", "index.handler", "index.mjs"),
        ("nodejs22.x", "index.handler", "index.cjs"),
        ("nodejs22.x", "a/b/index.handler", "a/b/index.js"),
        ("nodejs22.x", "v1.2/index.handler", "v1.2/index.js"),
        ("nodejs22.x", "index.handlers.main", "index.js"),
        ("nodejs22.x", "./dist/index.handler", "dist/index.js"),
        ("nodejs22.x", "/var/task/dist/index.handler", "dist/index.js"),
        ("nodejs22.x", "dist//index.handler", "dist/index.js"),
        ("nodejs22.x", "index.handler", "index"),
        ("nodejs22.x", "api.handler", "api/index.js"),
        ("nodejs22.x", "pkg.handler", "node_modules/pkg/index.js"),
        ("nodejs22.x", "src/pkg.handler", "node_modules/pkg/index.js"),
        ("nodejs22.x", "src/pkg.handler", "src/node_modules/pkg.js"),
        ("nodejs24.x", "index.handler", "index.mjs"),
        ("nodejs24.x", "pkg.handler", "node_modules/pkg/index.js"),
        ("python3.13", "index.handler", "index.py"),
        ("python3.13", "pkg.mod.func", "pkg/mod.py"),
        ("python3.13", "pkg/mod.func", "pkg/mod.py"),
        ("python3.13", "pkg.func", "pkg/__init__.py"),
        ("python3.13", "a/b.c.handler", "a/b/c.py"),
        ("python3.13", "v1.2/mod.handler", "v1/2/mod.py"),
        ("python3.13", "my-plugin.handler", "my-plugin.py"),
        ("python3.13", "mod.handler", "mod.pyc"),
        ("python3.13", "mod.handler", "mod.so"),
        ("python3.13", "mod.handler", "mod.abi3.so"),
        ("python3.13", "mod.handler", "mod.cpython-313-x86_64-linux-gnu.so"),
        ("python3.13", "pkg.handler", "pkg/__init__.cpython-313-x86_64-linux-gnu.so"),
        ("ruby3.4", "function.handler", "function.rb"),
        ("ruby3.4", "lib/function.Module::Class.process", "lib/function.rb"),
        ("ruby3.4", "./lib/function.process", "lib/function.rb"),
    ],
)
def test_a_handler_whose_file_is_there_is_no_problem(runtime: str, handler: str, path: str) -> None:
    assert handler_problem(package_of(path, "other.txt"), runtime, handler) is None
    assert handler_problem(package_of("other.txt"), runtime, handler) is not None


@pytest.mark.parametrize(
    ("runtime", "handler", "path", "text"),
    [
        (
            "nodejs24.x",
            "api.handler",
            "api/index.js",
            "'api', nodejs24.x loads files alone: name the file itself, api/index.handler",
        ),
        (
            "nodejs22.x",
            "api.handler",
            "api/main.js",
            "'api', in which there is no index.js, nor what its package.json names as main: "
            "name a file in it, such as api/index.handler",
        ),
        (
            "nodejs22.x",
            "index.handler",
            "index.ts",
            "index.ts is TypeScript, which Lambda does not load as a handler; compile it first",
        ),
        ("nodejs24.x", "src/index.handler", "src/index.mts", "needs src/index.js: src/index.mts is TypeScript"),
        ("nodejs22.x", "../index.handler", "index.js", "must be a path from the package's top, without '..'"),
        ("nodejs22.x", "/dist/index.handler", "dist/index.js", "must be a path from the package's top, without '..'"),
        ("nodejs22.x", "pkg.handler", "node_modules/pkg.mjs", "needs pkg.js, pkg.mjs or pkg.cjs"),
        ("nodejs22.x", "@org/pkg.handler", "node_modules/@org/pkg/index.js", "needs @org/pkg.js, "),
        ("python3.13", "./mod.handler", "mod.py", "must be a path from the package's top, without ./ or / before it"),
        (
            "python3.13",
            "mod.handler",
            "mod.cpython-312-x86_64-linux-gnu.so",
            "the nearest is mod.cpython-312-x86_64-linux-gnu.so",
        ),
        ("python3.13", "time.handler", "time.py", "needs a file of another name: time is a module of Python's own"),
        ("python3.13", "pkg.handler", "pkg/mod.py", "needs pkg.py or pkg/__init__.py"),
        ("ruby3.4", "a.b.c.d", "a.rb", "names no function"),
    ],
)
def test_what_a_runtimes_loader_does_not_take_is_a_problem(runtime: str, handler: str, path: str, text: str) -> None:
    problem = handler_problem(package_of(path, "other.txt"), runtime, handler)

    assert problem is not None
    assert text in problem


def test_a_file_comes_before_a_python_folder_of_its_name() -> None:
    problem = handler_problem(package_of("app.py", "app/main.py"), "python3.13", "app.main.handler")

    assert problem == (
        "the handler 'app.main.handler' takes app for a folder, but Python finds app.py for it: rename one"
    )


@pytest.mark.parametrize("runtime", ["java21", "dotnet8"])
def test_runtimes_whose_handlers_name_no_file_are_not_checked(runtime: str) -> None:
    assert handler_problem(package_of("app.jar"), runtime, "com.example.App::handle") is None


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


# Each was run on AWS's own loaders: aws-lambda-ric 3.3.0 on Node.js 22 (without require of ES modules, as Lambda starts
# it) and 4.0.2 on Node.js 24.
NODE_FILES: list[tuple[dict[str, str], str, bool, bool]] = [
    ({"index.js": COMMONJS}, "index.a.b.handler", True, True),
    ({"index.js": ES_MODULE, "package.json": '{"type": "module"}'}, "index.handler", True, True),
    ({"api/package.json": '{"main": "x.js"}', "api/x.js": COMMONJS}, "api.handler", True, False),
    ({"api/package.json": '{"main": "x"}', "api/x.js": COMMONJS}, "api.handler", True, False),
    ({"api/package.json": '{"main": "./lib/"}', "api/lib/index.js": COMMONJS}, "api.handler", True, False),
    ({"api/package.json": '{"main": "nope"}', "api/index.js": COMMONJS}, "api.handler", True, False),
    ({"api/package.json": '{"main": 5}', "api/index.js": COMMONJS}, "api.handler", True, False),
    ({"api/package.json": "no json", "api.js": COMMONJS}, "api.handler", True, False),
    ({"api/index.mjs": ES_MODULE}, "api.handler", False, False),
    ({"api.js": COMMONJS, "api/other.txt": ""}, "api.handler", True, False),
    ({"api.mjs": ES_MODULE, "api/other.txt": ""}, "api.handler", False, False),
    (
        {"node_modules/pkg/package.json": '{"exports": "./x.js"}', "node_modules/pkg/x.js": COMMONJS},
        "pkg.handler",
        True,
        True,
    ),
    ({"node_modules/@org/pkg/index.js": COMMONJS}, "node_modules/@org/pkg.handler", True, False),
    ({"node_modules/@org/pkg/index.js": COMMONJS}, "node_modules/@org/pkg/index.handler", True, True),
    (
        {"node_modules/pkg/package.json": '{"main": "x"}', "node_modules/pkg/y.js": COMMONJS},
        "pkg.handler",
        False,
        False,
    ),
]


@pytest.mark.parametrize(("files", "handler", "up_to_22", "from_24"), NODE_FILES, ids=range(len(NODE_FILES)))
def test_a_handler_of_nodejs_is_found_as_by_awss_loaders(
    tmp_path: Path, files: dict[str, str], handler: str, up_to_22: bool, from_24: bool
) -> None:
    package = read_package(write_tree(tmp_path, {**files, "other.txt": ""}))

    assert (handler_problem(package, "nodejs22.x", handler) is None) == up_to_22
    assert (handler_problem(package, "nodejs24.x", handler) is None) == from_24


@pytest.mark.parametrize(("files", "handler", "up_to_22", "from_24"), NODE_FILES[::4])
def test_a_handler_of_nodejs_is_found_so_by_the_embedded_platform_too(
    tmp_path: Path, files: dict[str, str], handler: str, up_to_22: bool, from_24: bool
) -> None:
    package = read_package(write_tree(tmp_path / "plugin", {**files, "other.txt": ""}))

    assert loads(package, "nodejs22.x", handler) == up_to_22
    assert loads(package, "nodejs24.x", handler) == from_24


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"a/b.py": PYTHON}, "a/b.handler"),
        ({"a/b.py": PYTHON}, "a.b.handler"),
        ({"a/__init__.py": PYTHON, "a.txt": ""}, "a.handler"),
        ({"a.py": "", "a/b.py": PYTHON}, "a.b.handler"),
        ({"a/b.py": PYTHON}, "a.handler"),
        ({"a/b.py": PYTHON}, "./a/b.handler"),
        ({"time.py": PYTHON}, "time.handler"),
    ],
)
def test_a_handler_of_python_is_found_as_python_does(tmp_path: Path, files: dict[str, str], handler: str) -> None:
    runtime = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    package = read_package(write_tree(tmp_path / "plugin", files))

    assert (handler_problem(package, runtime, handler) is None) == loads(package, runtime, handler)


def loads(package: Package, runtime: str, handler: str) -> bool:
    """Whether the embedded platform's own start-up code for the runtime loads the handler."""
    content = io.BytesIO()
    package.write_zip(content)
    folder = package.source.parent / "deployed"
    if not folder.exists():
        unpack(content.getvalue(), folder)
    settings = FunctionSettings(name="p", runtime=runtime, handler=handler, timeout=10, memory_size=128, variables={})
    with Function(folder, settings) as function:
        return bool(function.invoke({}).answer == 1)


class TestABootstrapOfAnOsOnlyRuntime:
    RUNTIME = "provided.al2023"

    def test_may_be_any_program(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"bootstrap": "\x7fELF"})
        (tmp_path / "bootstrap").chmod(0o755)

        assert handler_problem(read_package(tmp_path), self.RUNTIME, "whatever") is None

    def test_that_is_missing_is_named(self) -> None:
        problem = handler_problem(package_of("dist/bootstrap", "main.go"), self.RUNTIME, "bootstrap")

        assert problem == (
            "the runtime provided.al2023 needs bootstrap, which is not in plugin: bootstrap is in the folder 'dist'"
        )

    def test_that_is_not_executable_gets_the_command(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"bootstrap": "#!/bin/sh\n"})

        problem = handler_problem(read_package(tmp_path), self.RUNTIME, "bootstrap")

        assert problem == (
            f"the runtime provided.al2023 starts bootstrap, which is not executable in {tmp_path}: `chmod +x bootstrap`"
        )

    def test_of_a_zip_made_on_windows_gets_advice(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.create_system = 0
            archive.writestr(entry, "#!/bin/sh\n")

        problem = handler_problem(read_package(tmp_path / "code.zip"), self.RUNTIME, "bootstrap")

        assert problem is not None
        assert problem.endswith(
            "code.zip: `chmod +x bootstrap`, and zip it on Linux or macOS, or give the folder:"
            " a zip made on Windows has no such permission"
        )

    def test_with_windows_line_ends_gets_advice(self, tmp_path: Path) -> None:
        (tmp_path / "bootstrap").write_bytes(b"#!/bin/sh\r\nexit\r\n")
        (tmp_path / "bootstrap").chmod(0o755)

        problem = handler_problem(read_package(tmp_path), self.RUNTIME, "bootstrap")

        assert problem is not None
        assert "but its lines end as on Windows" in problem


@pytest.mark.parametrize("runtime", ["nodejs22.x", "python3.13", "ruby3.4"])
@pytest.mark.parametrize("handler", ["index", ".handler", "index.", ""])
def test_a_handler_without_file_or_function_gets_the_form(runtime: str, handler: str) -> None:
    problem = handler_problem(package_of("index.js", "index.py", "index.rb"), runtime, handler)

    assert problem == (
        f"the handler {handler!r} names no function: it is written file.function, for example index.handler"
    )


@pytest.mark.parametrize(
    ("runtime", "handler", "paths", "nearest"),
    [
        ("nodejs22.x", "index.handler", ["dist/index.js", "package.json"], "index.js is in the folder 'dist'"),
        ("nodejs22.x", "src/index.handler", ["index.js"], "index.js is in the top folder"),
        ("nodejs22.x", "index.handler", ["indx.js", "other.txt"], "the nearest is indx.js"),
        ("nodejs22.x", "index.handler", ["main.py", "zebra.py"], "at its top are main.py, zebra.py"),
        ("nodejs22.x", "index.handler", ["plugin/index.js", "plugin/a.js"], "all files lie in the folder 'plugin'"),
        (
            "nodejs22.x",
            "index.handler",
            ["plugin/index.js", "__MACOSX/plugin/._index.js"],
            "all files lie in the folder",
        ),
        ("python3.13", "app.main.handler", ["src/app/main.py", "setup.py"], "main.py is in the folder 'src/app'"),
    ],
)
def test_a_missing_file_is_named_with_what_comes_nearest(
    runtime: str, handler: str, paths: list[str], nearest: str
) -> None:
    problem = handler_problem(package_of(*paths), runtime, handler)

    assert problem is not None
    assert problem.startswith(f"the handler {handler!r} needs ")
    assert nearest in problem


def test_all_the_names_that_would_do_are_listed() -> None:
    problem = handler_problem(package_of("main.py"), "nodejs22.x", "index.handler")

    assert problem is not None
    assert "needs index.js, index.mjs or index.cjs, which is not in plugin" in problem


@pytest.mark.parametrize(
    ("ignored", "path", "handler", "line"),
    [
        ("index*", "index.cjs", "index.handler", "!index.cjs"),
        ("dist/", "dist/index.js", "dist/index.handler", "!dist/"),
        ("index.js", "index.js", "index.handler", "!index.js"),
        ("build", "src/build/index.js", "src/build/index.handler", "!src/build/"),
    ],
)
def test_a_file_that_an_ignore_file_leaves_out_is_recognised_and_the_advice_works(
    tmp_path: Path, ignored: str, path: str, handler: str, line: str
) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("x")
    (tmp_path / "src").mkdir(exist_ok=True)
    (tmp_path / "src" / "other.js").write_text("x")
    (tmp_path / ".gitignore").write_text(ignored)

    problem = handler_problem(read_package(tmp_path), "nodejs22.x", handler)

    assert problem is not None
    assert (
        f"{path} is in the folder, but an ignore file leaves it out; a line {line} in .biotignore keeps it" in problem
    )

    (tmp_path / ".biotignore").write_text(line)

    assert handler_problem(read_package(tmp_path), "nodejs22.x", handler) is None


def test_a_compiled_python_module_that_is_left_out_is_recognised_and_the_advice_works(tmp_path: Path) -> None:
    write_tree(tmp_path, {"mod.pyc": "x", "other.txt": "x"})

    problem = handler_problem(read_package(tmp_path), "python3.13", "mod.handler")

    assert problem is not None
    assert problem.endswith(
        "mod.pyc is in the folder, but files of that kind are left out; a line !mod.pyc in .biotignore keeps it"
    )

    (tmp_path / ".biotignore").write_text("!mod.pyc")

    assert handler_problem(read_package(tmp_path), "python3.13", "mod.handler") is None
