"""Operations of a provider that end in one line of an error, or do not."""

from __future__ import annotations

from typing import Any


def attempt(act: Any) -> str | None:
    """The one line of an error, None when all went well."""
    try:
        act()
    except Exception as error:
        assert type(error).__name__ == "BioT", error
        said = str(error)
        assert "a defect of" not in said, said
        assert "\n" not in said
        return said
    return None


def error_of(act: Any) -> str:
    """The one line of the error that this ends in."""
    said = attempt(act)
    assert said is not None
    return said
