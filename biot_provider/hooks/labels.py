"""The labels of a picture, as plain text of one line, which each renderer escapes in its own way."""

from __future__ import annotations

from collections.abc import Sequence

from biot_provider.errors import shown_names
from biot_provider.hooks.model import ApiChain, EntityChain, Fault, Link, Notified

MAX_LABEL = 90
"""Maximum characters of a label; longer ones are truncated."""

MAX_SENTENCE = 400
"""Maximum characters of a conflict or a note."""

MAX_NAMES = 5
"""Maximum names in one sentence."""


def one_line(text: str, limit: int = MAX_LABEL) -> str:
    """Return the text without unprintable characters, truncated to ``limit`` characters; never empty."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split()) or "(no name)"
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def api_title(chain: ApiChain) -> str:
    """Return the API and its entity."""
    title = chain.api_id or "(no API)"
    return one_line(f"{title} ({chain.entity})" if chain.entity else title)


def entity_title(chain: EntityChain) -> str:
    """Return the entity that is adapted."""
    return one_line(f"entity {chain.entity or '(none)'}")


def action_title(notified: Notified) -> str:
    """Return the entity and the action."""
    return one_line(f"{notified.entity or '(no entity)'} {notified.action or '(no action)'}")


def link_label(link: Link) -> str:
    """Return the subscriber of a link, with its order and its condition."""
    order = "" if link.order is None else f"{link.order} · "
    condition = f" [{link.condition}]" if link.condition else ""
    return one_line(f"{order}{link.subscriber.label}{condition}")


def fault_words(link: Link) -> str:
    """Return the faults of a link; empty if it has none."""
    return ", ".join(fault.value for fault in Fault if fault in link.faults)


def listed(names: Sequence[str]) -> str:
    """Return the first few names, and the number of the others."""
    return shown_names(names, MAX_NAMES)
