"""What the user should know besides the result: the same about many resources is one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from biot_provider.errors import shown_names

if TYPE_CHECKING:
    from biot_provider.cli.takeover.kinds import Existing
    from biot_provider.cli.takeover.target import Target

Note = Callable[[str, str], None]
"""Takes the resource that it is about, empty where the text names it, and the text."""

_NAMED = 3


class Notes:
    """The notes of one run."""

    def __init__(self) -> None:
        self._subjects: dict[str, list[str]] = {}

    def add(self, subject: str, text: str) -> None:
        """Add a note."""
        subjects = self._subjects.setdefault(text, [])
        if subject and subject not in subjects:
            subjects.append(subject)

    def lines(self) -> list[str]:
        """Return the notes, one a line, in the order in which their texts came."""
        return [f"{_listed(subjects)}: {text}" if subjects else text for text, subjects in self._subjects.items()]


def _listed(subjects: list[str]) -> str:
    if len(subjects) <= _NAMED:
        return " and ".join(filter(None, (", ".join(subjects[:-1]), subjects[-1])))
    return shown_names(subjects, _NAMED)


def note_surprises(resources: Iterable[Existing], target: Target, note: Note) -> None:
    """Note what a preview will show of resources that are declared by their own arguments."""
    for resource in resources:
        context = target.context(resource.owner, lambda _: None)
        for surprise in resource.surprises(context):
            note(resource.kind.lifecycle.name(resource.id, resource.state), surprise)
