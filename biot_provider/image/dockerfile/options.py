"""The options of a builder: names are on its command line, values in its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_VARIABLE = "BIOT_IMAGE_SECRET_"
"""The prefix of each variable that holds a secret."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of a build apart from its files."""

    target: str | None
    build_args: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> list[str]:
        """Return the options that all builders support. Values of arguments and secrets stay in the environment."""
        arguments = [option for name in sorted(self.build_args) for option in ("--build-arg", name)]
        for number, name in enumerate(sorted(self.secrets)):
            arguments += ["--secret", f"id={name},type=env,src={_VARIABLE}{number}"]
        return [*(["--target", self.target] if self.target else []), *arguments]

    def environment(self) -> dict[str, str]:
        """Return the variables that hold the values."""
        secrets = enumerate(sorted(self.secrets))
        return dict(self.build_args) | {f"{_VARIABLE}{n}": self.secrets[name] for n, name in secrets}

    def hidden(self) -> tuple[str, ...]:
        """Return the values that no message may show."""
        return (*self.build_args.values(), *self.secrets.values())
