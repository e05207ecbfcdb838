"""API ids such as ``PATCH/organization/v1/users/patients/{id}``, whose placeholders a value may stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def template_of(api_id: str, templates: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return the template that an API id means, and the values it has in place of placeholders.

    It is its own template where none fits: the one with the fewest placeholders counts.
    """
    fitting = {template: values for template in templates if (values := _values(api_id, template)) is not None}
    if not fitting or api_id in fitting:
        return api_id, {}
    template = min(fitting, key=lambda name: (len(fitting[name]), name))
    return template, fitting[template]


def are_compatible(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether a call can have the placeholders' values of both."""
    return all(other.get(name, value) == value for name, value in one.items())


def placeholder(segment: str) -> str | None:
    """Return the name in ``{name}``, None for another segment."""
    return segment[1:-1] if segment.startswith("{") and segment.endswith("}") else None


def _values(api_id: str, template: str) -> dict[str, str] | None:
    given, places = api_id.split("/"), template.split("/")
    if len(given) != len(places):
        return None
    values = {}
    for segment, place in zip(given, places, strict=True):
        name = placeholder(place)
        if name is None and segment != place:
            return None
        if name is not None and placeholder(segment) is None:
            values[name] = segment
    return values
