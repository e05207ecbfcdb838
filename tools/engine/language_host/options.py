"""The options below `runtime:` in Pulumi.yaml, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from language_host.errors import ProjectError

TOOLCHAINS = ("pip", "uv")
TYPECHECKERS = ("mypy", "pyright")
VENDOR = "https://www.pulumi.com/docs/install/"


@dataclass(frozen=True)
class Options:
    """One program and how its Python is chosen."""

    root: Path
    """Folder of Pulumi.yaml."""
    program: Path
    """Folder of the program, where its dependencies are declared."""
    virtualenv: str = ""
    """As written: relative to the root, or absolute. Empty: none was named."""
    toolchain: str = "pip"
    typechecker: str = ""

    @classmethod
    def parse(cls, root: str, program: str, raw: Mapping[str, object]) -> "Options":
        """Check what the engine passes on from Pulumi.yaml.

        :raises ProjectError: an option has the wrong type or a value that this host does not know.
        """
        text = {}
        for name in ("virtualenv", "toolchain", "typechecker"):
            value = raw.get(name, "")
            if not isinstance(value, str):
                raise ProjectError(f"{name} option must be a string")
            text[name] = value
        toolchain = text["toolchain"] or "pip"
        if toolchain == "poetry":
            raise ProjectError(
                "the 'toolchain' option in Pulumi.yaml is set to \"poetry\", which this stand-in language host does "
                f"not run: set it to pip or uv, or install Pulumi itself ({VENDOR})"
            )
        if toolchain not in TOOLCHAINS:
            raise ProjectError(f"unsupported toolchain option: {toolchain}")
        if text["typechecker"] and text["typechecker"] not in TYPECHECKERS:
            raise ProjectError(f"unsupported typechecker option: {text['typechecker']}")
        return cls(Path(root), Path(program or root), text["virtualenv"], toolchain, text["typechecker"])
