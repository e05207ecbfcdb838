"""What a picture says about its parts, as plain text of one line; each renderer escapes it in its own way."""

from __future__ import annotations

from collections.abc import Sequence

from biot_provider.hooks.model import ApiChain, EntityChain, Fault, Link, Notified

MAX_LABEL = 90
"""Characters of a label; what is longer is cut."""

MAX_SENTENCE = 400
"""Characters of a conflict or a note."""

MAX_NAMES = 5
"""Names in one sentence."""


def one_line(text: str, limit: int = MAX_LABEL) -> str:
    """Return the text without what is not printable, cut to so many characters; never empty."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split()) or "(no name)"
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def api_title(chain: ApiChain) -> str:
    """Return the API, and the entity it is of."""
    title = chain.api_id or "(no API)"
    return one_line(f"{title} ({chain.entity})" if chain.entity else title)


def entity_title(chain: EntityChain) -> str:
    """Return the entity that is adapted."""
    return one_line(f"entity {chain.entity or '(none)'}")


def action_title(notified: Notified) -> str:
    """Return the entity and the action."""
    return one_line(f"{notified.entity or '(no entity)'} {notified.action or '(no action)'}")


def link_label(link: Link) -> str:
    """Return whom a link calls, with its order and its condition."""
    order = "" if link.order is None else f"{link.order} · "
    condition = f" [{link.condition}]" if link.condition else ""
    return one_line(f"{order}{link.subscriber.label}{condition}")


def fault_words(link: Link) -> str:
    """Return what is wrong with a link, empty where nothing is."""
    return ", ".join(fault.value for fault in Fault if fault in link.faults)


def listed(names: Sequence[str]) -> str:
    """Return the first of these names, and how many more there are."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
