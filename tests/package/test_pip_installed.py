"""What pip installed beside the code stays in the package, whatever a usual `.gitignore` says."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.package import read_package

from .trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = """\
__pycache__/
*.py[codz]
*.so
build/
dist/
eggs/
lib/
lib64/
parts/
var/
*.egg-info/
*.egg
MANIFEST
*.manifest
*.mo
*.pot
*.log
env/
venv/
target/
bin/
local_settings.py
"""
"""What the usual ignore files of Python projects name."""

WHEEL = {
    "numb/__init__.py": "from numb.lib import add",
    "numb/_core.so": "\x7fELF",
    "numb/build/flags.py": "x",
    "numb/lib/__init__.py": "def add(a, b): return a + b",
    'numb/lib/a "quoted", name.txt': "x",
    "numb/locale/de.mo": "x",
    "numb.libs/lib.so": "\x7fELF",
    "lib/other.py": "x",
    "sourceless.pyc": "x",
    "numb-1.0.data/scripts/numb-tool": "#!python\n",
    "numb-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: numb\nVersion: 1.0\n",
    "numb-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "numb-1.0.dist-info/RECORD": "",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a target folder, as the real pip leaves it."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = folder / "numb-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in WHEEL.items():
            archive.writestr(path, content)
    target = folder / "target"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, capture_output=True)
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def packaged(root: Path) -> set[str]:
    return {file.path for file in read_package(root).files}


def deployable(installed: dict[str, bytes]) -> set[str]:
    return {path for path in installed if "__pycache__" not in path and not path.startswith("bin/")}


def test_a_usual_gitignore_takes_nothing_out_of_what_pip_installed(tmp_path: Path, installed: dict[str, bytes]) -> None:
    write_tree(tmp_path, {**installed, ".gitignore": PYTHON, "index.py": "x", "lib/mine.py": "x", "own.so": "x"})

    assert "numb/lib/__init__.py" in installed
    assert packaged(tmp_path) == deployable(installed) | {"index.py"}


def test_the_package_imports_as_the_folder_does(tmp_path: Path, installed: dict[str, bytes]) -> None:
    write_tree(
        tmp_path / "plugin", {**installed, ".gitignore": PYTHON, "index.py": "import numb\nprint(numb.add(1, 2))"}
    )
    for file in read_package(tmp_path / "plugin").files:
        write_tree(tmp_path / "deployed", {file.path: (tmp_path / "plugin" / file.path).read_bytes()})

    run = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import index"],
        cwd=tmp_path / "deployed", capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert run.stdout == "3\n"


@pytest.mark.parametrize("gitignore", ["lib/", "/lib", "*", "lib/\n!lib/"])
def test_a_target_folder_that_is_ignored_itself_keeps_what_pip_installed(
    tmp_path: Path, installed: dict[str, bytes], gitignore: str
) -> None:
    inside = {f"lib/{path}": content for path, content in installed.items()}
    write_tree(tmp_path, {**inside, ".gitignore": gitignore, ".biotignore": "!index.py", "index.py": "x"})

    assert packaged(tmp_path) >= {f"lib/{path}" for path in deployable(installed)} | {"index.py"}


def test_of_an_ignored_folder_nothing_but_what_pip_installed_is_kept(
    tmp_path: Path, installed: dict[str, bytes]
) -> None:
    inside = {f"lib/{path}": content for path, content in installed.items()}
    others = {
        "lib/notes.txt": "x",
        "lib/numb/notes.txt": "x",
        "lib/node_modules/a.js": "x",
        "lib/numb/lib/mine.py": "x",
    }
    write_tree(tmp_path, {**inside, **others, ".gitignore": "lib/", "index.py": "x"})

    assert packaged(tmp_path) == {f"lib/{path}" for path in deployable(installed)} | {"index.py"}


def test_an_environment_that_is_ignored_is_not_looked_into(tmp_path: Path, installed: dict[str, bytes]) -> None:
    inside = {f"env/lib/python3.13/site-packages/{path}": content for path, content in installed.items()}
    write_tree(tmp_path, {**inside, ".gitignore": "env/", "index.py": "x"})

    assert packaged(tmp_path) == {"index.py"}


@pytest.mark.parametrize("gitignore", ["*.dist-info", "*.dist-info/", f"{PYTHON}\n*.dist-info/\n!*.so"])
def test_a_distribution_whose_metadata_is_ignored_stays_with_its_metadata(
    tmp_path: Path, installed: dict[str, bytes], gitignore: str
) -> None:
    write_tree(tmp_path, {**installed, ".gitignore": gitignore, "index.py": "x"})

    assert packaged(tmp_path) >= deployable(installed)


def test_biotignore_has_the_last_word(tmp_path: Path, installed: dict[str, bytes]) -> None:
    rules = "*.dist-info/\nnumb/lib/a *.txt\nnumb/build/\n!lib/mine.py"
    write_tree(tmp_path, {**installed, ".gitignore": PYTHON, ".biotignore": rules, "index.py": "x", "lib/mine.py": "x"})

    left_out = {'numb/lib/a "quoted", name.txt', "numb/build/flags.py"}
    kept = {path for path in deployable(installed) if ".dist-info/" not in path}
    assert packaged(tmp_path) == (kept - left_out) | {"index.py", "lib/mine.py"}


@pytest.mark.parametrize(
    "record",
    [
        "",
        "\n\n,,\n",
        "../../bin/x,,\n../../../../etc/passwd,,\n/etc/passwd,,\n..,,\n.,,\n",
        "missing/lib/a.so,sha256=x,1\n",
        b"\xff\xfe,,\n",
        "\r\nlib/gone.py\r\n",
    ],
)
def test_a_record_that_names_nothing_in_the_folder_keeps_nothing(tmp_path: Path, record: str | bytes) -> None:
    (tmp_path / "secret.so").write_text("x")
    write_tree(
        tmp_path / "plugin",
        {"a-1.dist-info/RECORD": record, ".gitignore": "*.so\nlib/", "index.py": "x", "own.so": "x", "lib/a.py": "x"},
    )

    assert packaged(tmp_path / "plugin") == {"a-1.dist-info/RECORD", "index.py"}


def test_without_a_record_git_decides(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a-1.dist-info/METADATA": "x", ".gitignore": "*.so", "index.py": "x", "a/a.so": "x"})

    assert packaged(tmp_path) == {"a-1.dist-info/METADATA", "index.py"}


def test_a_record_is_not_read_through_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "RECORD").write_text("own.so,,\n")
    write_tree(
        tmp_path / "plugin",
        {"a-1.dist-info/METADATA": "x", ".gitignore": "*.so\n*.dist-info", "index.py": "x", "own.so": "x"},
    )
    (tmp_path / "plugin" / "a-1.dist-info" / "RECORD").symlink_to("../../RECORD")

    assert packaged(tmp_path / "plugin") == {"index.py"}


def test_a_record_that_is_no_list_is_named(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a-1.dist-info/RECORD": "x" * 200_000, ".gitignore": "*.so", "own.so": "x"})

    with pytest.raises(PackagingError, match=r"a-1\.dist-info/RECORD is no list of files \(.*\); install that"):
        read_package(tmp_path)


def test_a_record_is_read_only_where_something_depends_on_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a-1.dist-info/RECORD": "x" * 200_000, "index.py": "x"})

    assert packaged(tmp_path) == {"a-1.dist-info/RECORD", "index.py"}
