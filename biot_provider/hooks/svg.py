"""A picture as a self-contained SVG: without scripts, fonts or other files."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from biot_provider.hooks.labels import (
    MAX_SENTENCE,
    action_title,
    api_title,
    entity_title,
    fault_words,
    link_label,
    one_line,
)
from biot_provider.hooks.model import ApiChain, EntityChain, Fault, Link, Notified, Picture

_WIDTH = 1200
_MARGIN = 20
_CHARACTER = 7.3
"""Width of a character in the monospaced font of size 12."""
_BOX, _ROW, _GAP = 26, 44, 30
_LINE = 18

_STYLE = """
svg { background: #ffffff; color: #1b2a41; font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
text { fill: currentColor }
.title { font-weight: bold }
.group { font-size: 14px; font-weight: bold }
rect { fill: #f7f9fc; stroke: #4a6fa5; stroke-width: 1.2 }
.platform { fill: #dfe8f5 }
.endpoint { stroke-dasharray: 4 2 }
.disabled { fill: #eeeeee; stroke: #888888 }
.conflict { fill: #fdecea; stroke: #c62828; stroke-width: 2 }
.words { fill: #c62828; font-size: 11px }
line { stroke: currentColor; stroke-width: 1.2 }
.notified { stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  svg { background: #16202e; color: #e6edf6 }
  rect { fill: #1f2d40; stroke: #7ea3d8 }
  .platform { fill: #2a3f5c }
  .disabled { fill: #333333; stroke: #999999 }
  .conflict { fill: #4a1f1f; stroke: #ff8a80 }
  .words { fill: #ff8a80 }
}
"""


def svg(picture: Picture, title: str) -> str:
    """Return the drawing. Values from the platform appear in it only as text."""
    drawing = _Drawing()
    drawing.text(title, "group")
    drawing.group("API calls", map(_api_row, picture.apis))
    drawing.group("Adapted entities", map(_entity_row, picture.entities))
    drawing.group("Notifications", map(_action_row, picture.notified), in_order=False)
    drawing.group("No hook", [("", [Link(one) for one in picture.unhooked])] if picture.unhooked else [], in_order=None)
    if picture.conflicts:
        drawing.text(f"Conflicts: {len(picture.conflicts)}", "group")
        for conflict in picture.conflicts:
            drawing.paragraph(f"{conflict.fault.value}: {conflict.text}")
    if picture.notes:
        drawing.text("What this shows", "group")
        for note in picture.notes:
            drawing.paragraph(note)
    return drawing.finished(title)


_Row = tuple[str, Sequence[Link | str]]


def _api_row(api: ApiChain) -> _Row:
    return api_title(api), ["caller", *api.before, "platform", *api.after, "response"]


def _entity_row(entity: EntityChain) -> _Row:
    return entity_title(entity), ["platform", *entity.links, "response"]


def _action_row(action: Notified) -> _Row:
    return action_title(action), ["done", *action.links]


class _Drawing:
    """The elements drawn so far, and their height."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._y = _MARGIN
        self._width = _WIDTH

    def text(self, text: str, style: str) -> None:
        """Write one line."""
        self._y += 10 if style == "group" else 0
        self._y += _LINE
        self._parts.append(f'<text class="{style}" x="{_MARGIN}" y="{self._y}">{_escaped(one_line(text))}</text>')
        self._y += 6

    def paragraph(self, text: str) -> None:
        """Write a sentence, on as many lines as it needs."""
        for line in textwrap.wrap(one_line(text, MAX_SENTENCE), int((_WIDTH - 2 * _MARGIN) / _CHARACTER)):
            self._y += _LINE
            self._parts.append(f'<text x="{_MARGIN}" y="{self._y}">{_escaped(line)}</text>')
        self._y += 4

    def group(self, heading: str, rows: Iterable[_Row], *, in_order: bool | None = True) -> None:
        """Draw rows of boxes, with arrows from each to the next, from the first to the others, or without arrows."""
        rows = list(rows)
        if rows:
            self.text(heading, "group")
        for title, boxes in rows:
            if title:
                self.text(title, "title")
            self._row(boxes, in_order=in_order)

    def _row(self, boxes: Sequence[Link | str], *, in_order: bool | None) -> None:
        x = float(_MARGIN)
        for index, box in enumerate(boxes):
            label = box if isinstance(box, str) else link_label(box)
            width = _width(label) + 16
            wrapped = bool(index) and x + _GAP + width > _WIDTH - _MARGIN
            if wrapped:
                x = float(_MARGIN)
                self._y += _ROW
            if index and (in_order or (in_order is False and index == 1)):
                self._arrow(x + (4 if wrapped else 0), x + _GAP, notified=not in_order)
                x += _GAP
            elif index:
                x += _GAP / 2
            self._box(box, label, x, width)
            x += width
            self._width = max(self._width, math.ceil(x) + _MARGIN)
        self._y += _ROW + 4

    def _arrow(self, start: float, end: float, *, notified: bool) -> None:
        middle = self._y + _BOX / 2
        style = "notified" if notified else "call"
        self._parts.append(
            f'<line class="{style}" x1="{start:.1f}" y1="{middle}" x2="{end - 2:.1f}"'
            f' y2="{middle}" marker-end="url(#arrow)"/>'
        )

    def _box(self, box: Link | str, label: str, x: float, width: float) -> None:
        words = "" if isinstance(box, str) else fault_words(box)
        hint = f"<title>{_escaped(f'{label}: {words}' if words else label)}</title>"
        radius = 12 if isinstance(box, str) else 3
        self._parts.append(
            f'<g>{hint}<rect class="{_style(box)}" x="{x:.1f}" y="{self._y}" width="{width:.1f}" height="{_BOX}"'
            f' rx="{radius}"/><text x="{x + 8:.1f}" y="{self._y + 17}">{_escaped(label)}</text></g>'
        )
        if words:
            self._parts.append(
                f'<text class="words" x="{x + 2:.1f}" y="{self._y + _BOX + 12}">! {_escaped(words)}</text>'
            )

    def finished(self, title: str) -> str:
        """Return the document."""
        height = self._y + _MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{self._width}" height="{height}"'
                f' viewBox="0 0 {self._width} {height}" role="img">',
                f"<title>{_escaped(one_line(title))}</title>",
                f"<style>{_STYLE}</style>",
                '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
                ' orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="context-stroke"/></marker></defs>',
                *self._parts,
                "</svg>",
                "",
            ]
        )


def _style(box: Link | str) -> str:
    if isinstance(box, str):
        return "platform"
    classes = [] if box.subscriber.is_hosted else ["endpoint"]
    classes += ["conflict"] if box.faults - {Fault.DISABLED} else ["disabled"] if box.faults else []
    return " ".join(classes) or "plugin"


def _width(label: str) -> float:
    """Return the width of a label; characters of East Asian scripts take two columns."""
    return _CHARACTER * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in label)


def _escaped(text: str) -> str:
    return escape(text, {'"': "&quot;", "'": "&apos;"})
