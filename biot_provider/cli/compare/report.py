"""A comparison as text, as JSON and as Markdown. Secrets come in as fingerprints."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from biot_provider.cli.compare.differences import Compared, Verdict

_MAX_SHOWN = 200
_ONE_OF_TWO = (Verdict.ONLY_A, Verdict.ONLY_B)


def as_text(compared: Sequence[Compared], a: str, b: str) -> Iterator[str]:
    """Yield a line for each plugin, and for each field that differs."""
    labels = {Verdict.EQUAL: "equal", Verdict.ONLY_A: f"only in {a}", Verdict.ONLY_B: f"only in {b}"}
    for one in compared:
        if one.verdict is Verdict.DIFFERENT:
            yield f"{one.name}: different"
            width = max(len(difference.field) for difference in one.differences)
            column = max(len(_shown(difference.a)) for difference in one.differences)
            yield f"  {'':<{width}}  {a:<{column}}  {b}"
            for difference in one.differences:
                values = f"{_shown(difference.a):<{max(column, len(a))}}  {_shown(difference.b)}"
                yield f"  {difference.field:<{width}}  {values}"
        else:
            yield f"{one.name}: {labels[one.verdict]}"
    yield _summary(compared, a, b)


def as_json(compared: Sequence[Compared], a: str, b: str) -> Iterator[str]:
    """Yield one line: a JSON object."""
    names = {Verdict.ONLY_A: "only_a", Verdict.ONLY_B: "only_b"}
    yield json.dumps(
        {
            "a": a,
            "b": b,
            "equal": all(one.verdict is Verdict.EQUAL for one in compared),
            "plugins": [
                {
                    "name": one.name,
                    "result": names.get(one.verdict, one.verdict.value),
                    "differences": [{"field": d.field, "a": d.a, "b": d.b} for d in one.differences],
                }
                for one in compared
            ],
        }
    )


def as_markdown(compared: Sequence[Compared], a: str, b: str) -> Iterator[str]:
    """Yield a table of what differs; equal plugins are counted."""
    yield f"**{_summary(compared, _code(a), _code(b))}**"
    if all(one.verdict is Verdict.EQUAL for one in compared):
        return
    yield ""
    yield f"| plugin | field | {_code(a)} | {_code(b)} |"
    yield "|---|---|---|---|"
    for one in compared:
        if one.verdict in _ONE_OF_TWO:
            there = ("yes", "") if one.verdict is Verdict.ONLY_A else ("", "yes")
            yield f"| {_code(one.name)} | is there | {there[0]} | {there[1]} |"
        for difference in one.differences:
            values = (_code(_shown(value)) for value in (difference.a, difference.b))
            yield f"| {_code(one.name)} | {_code(difference.field)} | {' | '.join(values)} |"


def _summary(compared: Sequence[Compared], a: str, b: str) -> str:
    counts = Counter(one.verdict for one in compared)
    if not compared:
        return "no plugin in either"
    words = {
        Verdict.EQUAL: "equal",
        Verdict.DIFFERENT: "different",
        Verdict.ONLY_A: f"only in {a}",
        Verdict.ONLY_B: f"only in {b}",
    }
    return ", ".join(f"{counts[verdict]} {word}" for verdict, word in words.items() if counts[verdict])


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def _code(text: str) -> str:
    """Return the text as code in a cell of a table, whatever backticks, bars and tags it has."""
    text = _shown(text)
    if not text or text == "-":
        return text
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if len(ticks) > 1 else ""
    return f"{ticks}{space}{text}{space}{ticks}".replace("|", "\\|")
