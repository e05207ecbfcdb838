"""What `biot-provider invoke` is made of: the plugin as it would be packaged, the calls it gets, and how they went."""

from __future__ import annotations


class UsageProblem(Exception):  # noqa: N818  (a mistake of the user)
    """The command was given something it cannot use; the text is one line that says what, and what to do."""
