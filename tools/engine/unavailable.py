"""The errors of the ways to get an engine."""


class UnavailableError(Exception):
    """This way gives no engine on this machine; the message is one line with the reason."""


class CommandError(UnavailableError):
    """A command that was needed failed."""

    def __init__(self, command: str, outcome: str, reason: str) -> None:
        super().__init__(f"{command} {outcome}: {reason}" if reason else f"{command} {outcome}")
        self.reason = reason or outcome
        """The message without the command's name, where the name means nothing to the user."""
