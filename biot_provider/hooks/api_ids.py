"""API ids such as ``PATCH/organization/v1/users/patients/{id}``; values may take the place of placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

API_ID = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)/\S+")
"""The form of an API's id in interceptions: a method, directly followed by the path with its service."""


class Templates:
    """The API ids with placeholders that a platform, or a subscription, has."""

    def __init__(self) -> None:
        self._of_shape: dict[tuple[str, int], dict[str, list[str]]] = {}
        self._found: dict[str, tuple[str, Mapping[str, str]]] = {}

    def add(self, names: Iterable[str]) -> None:
        """Add API ids."""
        for name in names:
            places = name.split("/")
            known = self._of_shape.setdefault((places[0], len(places)), {})
            if name not in known:
                known[name] = places
                self._found.clear()

    def of(self, api_id: str) -> tuple[str, Mapping[str, str]]:
        """Return the template that an API id matches, and its values in place of placeholders.

        If no template matches, the API id itself is the template. Of several, the one with the fewest values counts.
        """
        if api_id not in self._found:
            self._found[api_id] = self._find(api_id)
        return self._found[api_id]

    def _find(self, api_id: str) -> tuple[str, Mapping[str, str]]:
        given = api_id.split("/")
        candidates = self._of_shape.get((given[0], len(given)), {})
        fitting = {name: found for name, places in candidates.items() if (found := _values(given, places)) is not None}
        if not fitting or api_id in candidates:
            return api_id, {}
        template = min(fitting, key=lambda name: (len(fitting[name]), name))
        return template, fitting[template]


def are_compatible(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether one call can have the placeholders' values of both."""
    return all(other.get(name, value) == value for name, value in one.items())


def placeholder(segment: str) -> str | None:
    """Return the name in ``{name}``, None for another segment."""
    return segment[1:-1] if segment.startswith("{") and segment.endswith("}") else None


def _values(given: list[str], places: list[str]) -> dict[str, str] | None:
    values = {}
    for segment, place in zip(given, places, strict=True):
        name = placeholder(place)
        if name is None and segment != place:
            return None
        if name is not None and placeholder(segment) is None:
            values[name] = segment
    return values
