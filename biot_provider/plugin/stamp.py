"""The stamp: the owner of a plugin and the digest of its code, in one environment variable of the plugin.

``PULUMI_BIOT_STAMP`` = ``v1:<owner>:<code digest>``, after a rename followed by ``:<former owner>``. The owner is a
short hash of the resource (``project/stack/name``, with the types of its parents before the name where it has some).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.api.models.wide import is_same_moment
from biot_provider.plugin.model import PluginState

VARIABLES_BYTES = 4096
"""AWS Lambda's limit of all variables of a function together."""

STAMP_VARIABLE = "PULUMI_BIOT_STAMP"
STAMP_BYTES = len(STAMP_VARIABLE) + 3 + 12 + 1 + 64
"""Bytes of the variables' space that are kept for the stamp. After a rename it has 13 more where there is
room, until the next write."""

SEED = "seed"
"""In place of a digest: the plugin runs the platform's seed code."""

UNKNOWN_CODE = "unknown"
"""In place of a digest: it is unknown who deployed the plugin's code."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TYPES = re.compile(r"^([^/]*/[^/]*/)(?:[^:$]+:[^$]*\$)*[^:$]+:[^$]*?::(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The owner of a plugin, and the digest of its code.

    ``former_owner`` is the hash of a renamed resource's former name, so that both names recognise the plugin if the
    rename is not recorded in state; empty without a rename.
    """

    owner: str
    digest: str
    former_owner: str = ""

    def __str__(self) -> str:
        return ":".join(filter(None, ("v1", self.owner, self.digest, self.former_owner)))

    @classmethod
    def found(cls, answer: PluginAnswer) -> Stamp | None:
        """Return the stamp of a plugin, or None if it has none in this package's form."""
        version, _, rest = (answer.environment_variables or {}).get(STAMP_VARIABLE, "").partition(":")
        owner, _, rest = rest.partition(":")
        digest, _, former_owner = rest.partition(":")
        return cls(owner, digest, former_owner) if version == "v1" and owner and digest else None

    def is_of(self, *owners: str | None) -> bool:
        """Return whether the plugin belongs to one of these resources."""
        return self.owner in {known for owner in owners for known in _hashes(owner)}

    def belongs_to(self, *owners: str | None) -> bool:
        """Return whether the plugin belongs to one of these resources, or did before a rename."""
        return self.is_of(*owners) or any(self.former_owner in _hashes(owner) for owner in owners)


def holder(stamp: Stamp | None) -> str:
    """Return whose a plugin is that has this stamp and is not this resource's, as a message continues it."""
    return "carries no stamp" if stamp is None else f"belongs to another stack or resource (owner {stamp.owner})"


def owner_hash(owner: str | None) -> str:
    """Return the short hash of a resource for its stamp."""
    return hashlib.sha256((owner or "").encode()).hexdigest()[:12]


def _hashes(owner: str | None) -> tuple[str, ...]:
    """Return the hash of a resource, and its hash in older stamps, which left out the types of parents."""
    named = _TYPES.match(owner or "")
    return (owner_hash(owner), *([owner_hash(named[1] + named[2])] if named else []))


def is_digest(text: str) -> bool:
    """Return whether the text is a package's digest, and not a word in place of a digest."""
    return bool(_DIGEST.fullmatch(text))


def is_foreign(code_digest: str | None) -> bool:
    """Return whether the digest in state means that somebody else deployed the code."""
    return code_digest is not None and not is_digest(code_digest)


def code_identity(plugin: PluginState) -> str:
    """Return the identity of the code: the digest of the package or image tag, ``SEED``, or the code of others."""
    if plugin.code_digest is not None:
        return plugin.code_digest
    if plugin.image_tag is not None:
        return hashlib.sha256(plugin.image_tag.encode()).hexdigest()
    return SEED


def is_same_plugin(found: PluginAnswer, state: PluginState) -> bool:
    """Return whether a shown plugin is the plugin of this state: it has the same stamp or creation time."""
    stamp = Stamp.found(found)
    stamped = stamp is not None and stamp.belongs_to(state.owner)
    return stamped or is_same_moment(found.creation_time, state.creation_time) is True


def is_another(found: PluginAnswer, state: PluginState) -> bool:
    """Return whether this is another plugin of that name: without this resource's stamp, created at another time.

    If the creation time differs, a stamp of another resource counts as no stamp, and so does a stamp from before the
    types of parents counted, which a resource below another parent may have left.
    """
    stamp = Stamp.found(found)
    is_own = stamp is not None and owner_hash(state.owner) in (stamp.owner, stamp.former_owner)
    return not is_own and is_remade(found, state)


def is_remade(found: PluginAnswer | PluginState, state: PluginState) -> bool:
    """Return whether the plugin of that name was created at another time than the one of this state."""
    same = is_same_moment(found.creation_time, state.creation_time)
    if same is None and found.endpoint_url and state.endpoint_url:
        return found.endpoint_url != state.endpoint_url  # no two plugins have the same
    return same is False


def why_kept(found: PluginAnswer, state: PluginState) -> str | None:
    """Return why the plugin must not be deleted: it is not, or no longer, the plugin that this stack deployed.

    None if it is.
    """
    stamp = Stamp.found(found)
    if is_remade(found, state):
        return (
            f"it is not the one that this stack deployed, being created at {found.creation_time} and not at"
            f" {state.creation_time}"
        )
    if stamp is not None and not stamp.belongs_to(state.owner):
        return f"it belongs to another stack or resource by now (owner {stamp.owner})"
    return None
