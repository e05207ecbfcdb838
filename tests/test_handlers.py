"""Whether a handler's file is in the package, and what is said when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from biot_provider.handlers import handler_problem
from biot_provider.packaging import Package, PackageFile, read_package


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
        ("python3.13", "index.handler", "index.py"),
        ("python3.13", "pkg.mod.func", "pkg/mod.py"),
        ("python3.13", "pkg/mod.func", "pkg/mod.py"),
        ("python3.13", "pkg.func", "pkg/__init__.py"),
        ("ruby3.4", "function.handler", "function.rb"),
        ("ruby3.4", "lib/function.Module::Class.process", "lib/function.rb"),
    ],
)
def test_a_handler_whose_file_is_there_is_no_problem(runtime: str, handler: str, path: str) -> None:
    assert handler_problem(package_of(path, "other.txt"), runtime, handler) is None
    assert handler_problem(package_of("other.txt"), runtime, handler) is not None


@pytest.mark.parametrize("runtime", ["java21", "dotnet8", "provided.al2023"])
def test_runtimes_whose_handlers_name_no_file_are_not_checked(runtime: str) -> None:
    assert handler_problem(package_of("app.jar"), runtime, "com.example.App::handle") is None
    assert handler_problem(package_of("bootstrap"), runtime, "bootstrap") is None


@pytest.mark.parametrize("runtime", ["nodejs22.x", "python3.13", "ruby3.4"])
@pytest.mark.parametrize("handler", ["index", ".handler", "index.", ""])
def test_a_handler_without_file_or_function_is_told_the_form(runtime: str, handler: str) -> None:
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
