"""Which sequences hypothesis draws: mostly one resource of one stack, mostly few steps between two commands."""

from __future__ import annotations

from hypothesis import strategies as st

from .console import EDITS
from .explorer import CODES, FIELDS, INSTEAD, READINGS, SHOWN, SLOTS, STACKS, TAGS, Step
from .world import FAULTS

_engine = st.sampled_from([0, 0, 0, 0, *range(len(STACKS))])
_slot = st.sampled_from([0, 0, 0, 0, 0, *range(len(SLOTS))])
_name = st.sampled_from(["a", "a", "a", "b", "x"])
_faults = st.one_of(st.just(()), st.just(()), st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3).map(tuple))
_options = st.lists(st.sampled_from(["refresh", "replace", "another_fails"]), max_size=2, unique=True).map(tuple)
_field = st.sampled_from([*FIELDS])

_step: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("up"), _engine, _faults, _options),
    st.tuples(st.just("up"), _engine, _faults),
    st.tuples(st.just("up"), _engine),
    st.tuples(st.just("code"), _engine, _slot, st.integers(0, len(CODES) - 1)),
    st.tuples(st.just("code"), _engine, _slot, st.integers(0, len(CODES) - 1)),
    st.tuples(st.just("image"), _engine, _slot, st.integers(0, len(TAGS) - 1)),
    st.tuples(st.just("set"), _engine, _slot, _field, st.integers(0, 2)),
    st.tuples(st.just("console"), _name, st.sampled_from(EDITS)),
    st.tuples(st.just("reading"), st.integers(0, len(READINGS) - 1)),
    st.tuples(st.just("show"), st.sampled_from(SHOWN), st.integers(0, len(INSTEAD) - 1)),
    st.tuples(st.just("refresh"), _engine, _faults),
    st.tuples(st.just("destroy"), _engine, _faults),
    st.tuples(st.sampled_from(["drop", "order"]), _engine, _slot),
    st.tuples(st.just("rename"), _engine, _slot, _slot),
    st.tuples(st.just("ignore"), _engine, _slot, st.sampled_from(["environment_variables", "timeout", "cors"])),
    st.tuples(st.sampled_from(["stamp", "lose"]), _engine),
)
sequences = st.lists(_step, min_size=3, max_size=14)
