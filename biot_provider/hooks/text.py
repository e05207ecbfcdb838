"""A picture as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from biot_provider.errors import coded
from biot_provider.hooks.labels import MAX_SENTENCE, action_title, api_title, entity_title, fault_words, one_line
from biot_provider.hooks.model import Link, Picture


def lines(picture: Picture) -> Iterator[str]:
    """Yield every hook with its subscribers, in the order of the calls, then the conflicts."""
    for api in picture.apis:
        yield api_title(api)
        yield from _chain("before", api.before)
        yield from _chain("after", api.after)
    for entity in picture.entities:
        yield entity_title(entity)
        yield from _chain("adapts", entity.links)
    for action in picture.notified:
        yield action_title(action)
        yield from _chain("notifies", action.links)
    if not (picture.apis or picture.entities or picture.notified or picture.unhooked):
        yield "nobody subscribes to anything"
    if picture.unhooked:
        names = ", ".join(one_line(subscriber.label) for subscriber in picture.unhooked)
        yield f"no hook: {names}"
    if picture.conflicts:
        yield ""
        yield f"{len(picture.conflicts)} conflict{'' if len(picture.conflicts) == 1 else 's'}:"
        yield from (
            coded(f"  {conflict.fault.value}: {one_line(conflict.text, MAX_SENTENCE)}", conflict.fault.message_code)
            for conflict in picture.conflicts
        )
    if picture.notes:
        yield ""
        yield from (one_line(note, MAX_SENTENCE) for note in picture.notes)


def _chain(word: str, links: Iterable[Link]) -> Iterator[str]:
    for link in links:
        order = "" if link.order is None else str(link.order)
        condition = f"  [{one_line(link.condition)}]" if link.condition else ""
        fault = f"  ! {words}" if (words := fault_words(link)) else ""
        yield f"  {word:<8} {order:>4}  {one_line(link.subscriber.label)}{condition}{fault}"
        word = ""
