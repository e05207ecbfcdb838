"""Pulumi's marks of special values in properties (``sdk/go/common/resource``)."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks a map as a special value; its value names the kind of special value."""

SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
"""Marks a secret, together with its ``value``, or in state its ``plaintext`` as JSON."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a text that a preview does not know."""
