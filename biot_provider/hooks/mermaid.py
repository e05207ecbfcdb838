"""A picture as a Mermaid flowchart, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from biot_provider.hooks.labels import (
    MAX_LABEL,
    MAX_SENTENCE,
    action_title,
    api_title,
    entity_title,
    fault_words,
    link_label,
    one_line,
)
from biot_provider.hooks.model import Fault, Link, Picture

MAX_CONFLICTS = 10
"""Maximum conflicts that are drawn."""

_PLAIN = frozenset(" /_-.,:(){}=·…[]")
_CLASSES = (
    "classDef platform fill:#e8eef7,stroke:#4a6fa5,color:#1b2a41",
    "classDef endpoint stroke-dasharray:2 2",
    "classDef conflict fill:#fdecea,stroke:#c62828,stroke-width:2px,color:#7f1d1d",
    "classDef disabled fill:#eeeeee,stroke:#888888,color:#555555",
)


def mermaid(picture: Picture) -> Iterator[str]:
    """Yield the lines of the chart. Text from the platform cannot break out of its label."""
    yield "flowchart LR"
    for index, api in enumerate(picture.apis):
        boxes: list[Link | str] = ["caller", *api.before, "the platform", *api.after, "response"]
        yield from _subgraph(f"a{index}", api_title(api), _row(f"a{index}_", boxes))
    for index, entity in enumerate(picture.entities):
        boxes = ["the platform", *entity.links, "response"]
        yield from _subgraph(f"e{index}", entity_title(entity), _row(f"e{index}_", boxes))
    for index, action in enumerate(picture.notified):
        yield f"  n{index}([{_label(action_title(action))}]):::platform"
        yield from (f"  n{index} -.-> n{index}_{place}{_box(link)}" for place, link in enumerate(action.links))
    if not (picture.apis or picture.entities or picture.notified or picture.unhooked):
        yield '  nothing["nobody subscribes to anything"]'
    if picture.unhooked:
        plugins = [f"u{index}{_box(Link(one))}" for index, one in enumerate(picture.unhooked)]
        yield from _subgraph("u", "no hook", _column(plugins))
    if picture.conflicts:
        count = len(picture.conflicts)
        yield from _subgraph("c", f"{count} conflict{'' if count == 1 else 's'}", _column(_conflicts(picture)))
    if picture.notes:
        covered = (f"t{index}[{_label(note, MAX_SENTENCE)}]" for index, note in enumerate(picture.notes))
        yield from _subgraph("t", "what this covers", _column(covered))
    yield from (f"  {line}" for line in _CLASSES)


def _subgraph(name: str, title: str, inside: Iterable[str]) -> Iterator[str]:
    yield f"  subgraph {name}[{_label(title)}]"
    yield from (f"    {line}" for line in inside)
    yield "  end"


def _conflicts(picture: Picture) -> Iterator[str]:
    for index, conflict in enumerate(picture.conflicts[:MAX_CONFLICTS]):
        text = _label(f"{conflict.fault.value}: {conflict.text}", MAX_SENTENCE)
        yield f"c{index}[{text}]:::conflict"
    if len(picture.conflicts) > MAX_CONFLICTS:
        yield f'more["and {len(picture.conflicts) - MAX_CONFLICTS} more"]'


def _column(boxes: Iterable[str]) -> Iterator[str]:
    """Yield boxes below each other, without lines between them."""
    yield "direction TB"
    previous = ""
    for box in boxes:
        yield f"{previous} ~~~ {box}" if previous else box
        previous = box.partition("[")[0]


def _row(prefix: str, parts: Iterable[Link | str]) -> Iterator[str]:
    yield "direction LR"
    previous = ""
    for place, part in enumerate(parts):
        name = f"{prefix}{place}"
        box = f"{name}([{_label(part)}]):::platform" if isinstance(part, str) else f"{name}{_box(part)}"
        yield f"{previous} --> {box}" if previous else box
        previous = name


def _box(link: Link) -> str:
    words = fault_words(link)
    label = f"{link_label(link)} ⚠ {words}" if words else link_label(link)
    style = "conflict" if link.faults - {Fault.DISABLED} else "disabled" if link.faults else ""
    style = style or ("" if link.subscriber.is_hosted else "endpoint")
    return f"[{_label(label)}]{f':::{style}' if style else ''}"


def _label(text: str, limit: int = MAX_LABEL) -> str:
    return f'"{_escaped(one_line(text, limit))}"'


def _escaped(text: str) -> str:
    """Replace every character that is special in Mermaid, Markdown or HTML by its Mermaid code."""
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text)
