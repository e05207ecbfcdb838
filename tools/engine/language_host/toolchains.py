"""Which Python runs the program, and how its dependencies get there: pip or uv, as the vendor's host does it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from language_host.children import Children, Sink
from language_host.errors import ProjectError
from language_host.options import Options

VIRTUALENV_HELP = "https://www.pulumi.com/docs/intro/languages/python/#virtual-environments"


class Pip:
    """`toolchain: pip`: the virtual environment that `virtualenv` names, or the Python on PATH without one."""

    name = "pip"

    def __init__(self, options: Options, children: Children) -> None:
        self._options = options
        self._children = children
        self.virtualenv = options.root / options.virtualenv if options.virtualenv else None
        self.cwd: Path | None = None

    def python(self) -> str:
        """The interpreter's path."""
        return str(self.virtualenv / "bin" / "python") if self.virtualenv else python_on_path()

    def environment(self) -> dict[str, str]:
        """The environment of the program's processes."""
        return activated(self.virtualenv)

    def validate(self) -> None:
        """Refuse a virtual environment that is not there.

        :raises ProjectError: with the commands that create it.
        """
        if self.virtualenv is None or is_virtualenv(self.virtualenv):
            return
        folder, python = self.virtualenv, self.virtualenv / "bin" / "python"
        state = "doesn't appear to be a virtual environment" if folder.exists() else "doesn't exist"
        raise ProjectError(
            f'The \'virtualenv\' option in Pulumi.yaml is set to "{self._options.virtualenv}", but "{folder}" '
            f"{state}; run the following commands to create the virtual environment and install dependencies into "
            f"it:\n\n    1. python3 -m venv {folder}\n"
            f"    2. {python} -m pip install --upgrade pip setuptools wheel\n"
            f"    3. {python} -m pip install -r requirements.txt\n\n\n"
            f"For more information see: {VIRTUALENV_HELP}"
        )

    def ensure(self, sink: Sink) -> None:
        """Create the virtual environment, dependencies included, if it does not exist."""
        if self.virtualenv is None or is_virtualenv(self.virtualenv):
            return
        if self.virtualenv.exists() and not self.virtualenv.is_dir():
            raise ProjectError(
                f"the 'virtualenv' option in Pulumi.yaml is set to \"{self.virtualenv}\" but it is not a directory"
            )
        if not self.virtualenv.exists() or not any(self.virtualenv.iterdir()):
            self.install(sink)

    def install(self, sink: Sink) -> None:
        """Create the virtual environment and install `requirements.txt` into it."""
        cwd = self._options.program
        if self.virtualenv is not None:
            _say(sink, "Creating virtual environment...")
            create = [python_on_path(), "-m", "venv", str(self.virtualenv)]
            self._run(sink, create, f"creating virtual environment at '{self.virtualenv}'")
            _say(sink, "Finished creating virtual environment")
        pip = [self.python(), "-m", "pip", "install"]
        _say(sink, "Updating pip, setuptools, and wheel in virtual environment...")
        self._run(sink, [*pip, "--upgrade", "pip", "setuptools", "wheel"], "updating pip, setuptools, and wheel")
        _say(sink, "Finished updating")
        if (cwd / "requirements.txt").exists():
            _say(sink, "Installing dependencies in virtual environment...")
            self._run(sink, [*pip, "-r", "requirements.txt"], "installing dependencies")
            _say(sink, "Finished installing dependencies")

    def version(self) -> str:
        """The version of pip, empty if there is none."""
        try:
            text = self._children.output([self.python(), "-m", "pip", "--version"], self.environment())
        except subprocess.CalledProcessError:
            return ""
        return _version_in(text)

    def _run(self, sink: Sink, argv: Sequence[str], what: str) -> None:
        environment = self.environment() if self.virtualenv and is_virtualenv(self.virtualenv) else dict(os.environ)
        code = self._children.stream(argv, environment, self._options.program, sink)
        if code:
            raise ProjectError(f"{what} via '{' '.join(argv)}': exit status {code}")


class Uv:
    """`toolchain: uv`: the environment beside the nearest uv.lock or pyproject.toml, kept in step by `uv sync`."""

    name = "uv"

    def __init__(self, options: Options, children: Children) -> None:
        self._options = options
        self._children = children
        if shutil.which("uv") is None:
            raise ProjectError("Could not find `uv` executable.\nInstall uv and make sure it is in your PATH.")
        folder = options.root
        wanted = options.virtualenv
        if not wanted:
            folder = search_up(folder, "uv.lock") or search_up(folder, "pyproject.toml") or folder
            wanted = os.environ.get("UV_PROJECT_ENVIRONMENT", "") or ".venv"
        self.virtualenv = folder / wanted
        self.cwd: Path | None = options.root

    def python(self) -> str:
        """The interpreter's path."""
        return str(self.virtualenv / "bin" / "python")

    def environment(self) -> dict[str, str]:
        """The environment of the program's processes."""
        return activated(self.virtualenv)

    def validate(self) -> None:
        """Refuse a virtual environment that is not there.

        :raises ProjectError: with its path.
        """
        if not is_virtualenv(self.virtualenv):
            raise ProjectError(f"'{self.virtualenv}' is not a virtualenv")

    def ensure(self, sink: Sink) -> None:
        """Create the virtual environment if it does not exist; bring it up to date, as `uv run` does."""
        if not is_virtualenv(self.virtualenv):
            arguments = ("venv", "--quiet", "--allow-existing", str(self.virtualenv))
            self._uv(sink, self._options.program, "error creating virtual environment", *arguments)
        if search_up(self._options.root, "pyproject.toml"):
            self._uv(None, self._options.root, "error creating virtual environment", "sync", "--inexact")

    def install(self, sink: Sink) -> None:
        """Make a uv project of the program if it is none, and install what it declares."""
        cwd = self._options.program
        if not search_up(cwd, "uv.lock") and not search_up(cwd, "pyproject.toml"):
            requirements = search_up(cwd, "requirements.txt")
            project = requirements or cwd
            failed = "error initializing python project"
            self._uv(sink, project, failed, "init", "--bare", "--no-package", "--no-pin-python")
            if requirements:
                file = requirements / "requirements.txt"
                failed = "error installing dependencies from requirements.txt"
                self._uv(sink, project, failed, "add", "--no-sync", "-r", str(file))
                file.unlink()
                moved = "Deleted requirements.txt, dependencies for this project are tracked in pyproject.toml"
                _say(sink, moved)
        self._uv(sink, cwd, "error installing dependencies", "sync")

    def version(self) -> str:
        """The version of uv."""
        return _version_in(self._children.output(["uv", "--version"], dict(os.environ)))

    def _uv(self, sink: Sink | None, cwd: Path, failed: str, *arguments: str) -> None:
        errors = b""

        def keep(data: bytes, is_error: bool) -> None:
            nonlocal errors
            errors += data if is_error else b""
            if sink is not None:
                sink(data, is_error)

        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(self.virtualenv)}
        code = self._children.stream(["uv", *arguments], environment, cwd, keep)
        if code:
            said = errors.decode(errors="replace").strip()
            raise ProjectError(f"{failed}: `uv {' '.join(arguments)}`: exit status {code}: {said}")


Toolchain = Pip | Uv


def resolve(options: Options, children: Children) -> Toolchain:
    """The toolchain that Pulumi.yaml names.

    :raises ProjectError: it is not installed.
    """
    return Uv(options, children) if options.toolchain == "uv" else Pip(options, children)


def python_on_path() -> str:
    """The Python that PULUMI_PYTHON_CMD names, else `python3` or `python`.

    :raises ProjectError: none is on PATH.
    """
    wanted = os.environ.get("PULUMI_PYTHON_CMD", "")
    names = [wanted] if wanted else ["python3", "python"]
    for name in names:
        if path := shutil.which(name):
            return path
    raise ProjectError(f"failed to locate any of {names} on your PATH. Have you installed Python 3.10 or greater?")


def activated(virtualenv: Path | None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which that virtual environment is the active one; unchanged without one."""
    environment = dict(environ)
    if virtualenv is not None:
        environment.pop("PYTHONHOME", None)
        environment["PATH"] = os.pathsep.join(filter(None, (str(virtualenv / "bin"), environment.get("PATH"))))
        environment["VIRTUAL_ENV"] = str(virtualenv)
    return environment


def is_virtualenv(folder: Path) -> bool:
    """Whether a Python is where a virtual environment has it."""
    return (folder / "bin" / "python").is_file()


def search_up(folder: Path, name: str) -> Path | None:
    """The nearest folder, from this one up, that has a file of that name."""
    return next((one for one in (folder, *folder.parents) if (one / name).exists()), None)


def _say(sink: Sink, text: str) -> None:
    sink(f"{text}\n".encode(), False)


def _version_in(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else ""
