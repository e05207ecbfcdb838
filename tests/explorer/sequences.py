"""Which sequences hypothesis draws: mostly of one resource of one stack, with a command at every third step."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .choices import CODES, FIELDS, INSTEAD, SHOWN, SLOTS, STACKS, TAGS, VARIANTS
from .console import EDITS
from .explorer import Step
from .world import FAULTS

_engine = st.sampled_from([0, 0, 0, 0, *range(len(STACKS))])
# Where two stacks have one name, a stamp of before the types of parents counted would fit resources of both.
_resource = st.sampled_from([(0, 0)] * 6 + [(0, 1), (2, 0), *((1, slot) for slot in range(len(SLOTS)))])
_faults = st.one_of(st.just(()), st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3).map(tuple))
_options = st.sampled_from(
    [(), (), (), ("refresh",), ("replace",), ("another_fails",), ("another_fails", "replace"), ("refresh", "replace")]
)

_OF_A_STACK: dict[str, list[st.SearchStrategy[Any]]] = {
    "up": [_faults, _options],
    "refresh": [_faults],
    "destroy": [_faults],
    "stamp": [],
    "lose": [],
    "move": [],
}
_OF_A_RESOURCE: dict[str, list[st.SearchStrategy[Any]]] = {
    "code": [st.integers(0, len(CODES) - 1)],
    "image": [st.integers(0, len(TAGS) - 1)],
    "set": [st.sampled_from([*FIELDS]), st.integers(0, 2)],
    "ignore": [st.sampled_from(["environment_variables", "timeout", "cors", "code", "image_tag"])],
    "rename": [st.integers(0, 1)],
    "drop": [],
    "order": [],
}
_OF_THE_PLATFORM: dict[str, list[st.SearchStrategy[Any]]] = {
    "console": [st.sampled_from(["a", "a", "a", "b", "x"]), st.sampled_from(EDITS)],
    "variant": [st.integers(0, len(VARIANTS) - 1)],
    "show": [st.sampled_from(SHOWN), st.integers(0, len(INSTEAD) - 1)],
}
_OFTEN = ["up"] * 6 + ["code"] * 2 + ["image", "set", "set", "console", "console"]
_kind = st.sampled_from([*_OFTEN, *_OF_A_STACK, *_OF_A_RESOURCE, *_OF_THE_PLATFORM])


@st.composite
def _step(draw: st.DrawFn) -> Step:
    kind = draw(_kind)
    if kind in _OF_A_STACK:
        return (kind, draw(_engine), *map(draw, _OF_A_STACK[kind]))
    if kind in _OF_A_RESOURCE:
        return (kind, *draw(_resource), *map(draw, _OF_A_RESOURCE[kind]))
    return (kind, *map(draw, _OF_THE_PLATFORM[kind]))


# A list by itself is short more often than not.
_steps = st.integers(1, 14).flatmap(lambda length: st.lists(_step(), min_size=length, max_size=length))
_natively: list[Step] = [("move", number) for number in range(len(STACKS))]
sequences = st.builds(lambda first, steps: [*first, *steps], st.sampled_from([[], _natively]), _steps)
