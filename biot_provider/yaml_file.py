"""A YAML file, read so that what is wrong with it is one line for its author."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from biot_provider.errors import InputError


def read_yaml(file: Path, shown: str) -> Any:
    """What the file holds; ``shown`` is its name in an error. Raises InputError when it cannot be read."""
    import yaml  # only programs and commands read files; the provider process imports this module too

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise InputError(f"{shown}{where}: is not YAML: {getattr(error, 'problem', None) or error}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise InputError(f"{shown}: cannot be read: {why}") from None
