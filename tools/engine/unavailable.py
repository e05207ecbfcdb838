"""Why one way to the engine is closed."""


class UnavailableError(Exception):
    """This way does not lead to an engine here; the message, one line, says why."""


class CommandError(UnavailableError):
    """A command that was needed failed."""

    def __init__(self, command: str, outcome: str, reason: str) -> None:
        super().__init__(f"{command} {outcome}: {reason}" if reason else f"{command} {outcome}")
        self.reason = reason or outcome
        """Without the command's name, for one whose name would tell nobody anything."""
