"""Where the values of variables go: encrypted into the stack's configuration, or into a file of the user's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biot_provider.cli.errors import CommandError
from biot_provider.cli.project.engine import ENGINE, INSTALL
from biot_provider.cli.takeover.engine_calls import configuration, keep_secrets, resources_in_state
from biot_provider.cli.takeover.target import Target
from biot_provider.errors import InputError
from biot_provider.plugin.manifest.overrides import read_overrides

Override = Mapping[str, Any]


@dataclass
class Variables:
    """The stack's configuration, as far as it concerns an export; without an engine nothing is known of it.

    ``file`` is the user's own, in place of the configuration.
    """

    target: Target
    file: Path | None
    overrides: Mapping[str, Override] = field(init=False, default_factory=dict)
    """What the configuration says of each plugin. A program with a file of variables reads none of it."""
    in_state: frozenset[tuple[str, str]] = field(init=False, default=frozenset())
    """The kind, such as ``Plugin``, and the id of the resources that the stack has."""
    _values: Mapping[str, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Ask the engine. Raises CommandError where it is needed and cannot be used."""
        has_engine = shutil.which(ENGINE) is not None
        if self.file is None:
            self._require(has_engine)
        if has_engine:
            self._values = configuration(self.target)
            self.in_state = resources_in_state(self.target)
        if self.file is None:
            self.overrides = self._overrides()

    def place(self, folder: str) -> str:
        """Return the place of a plugin's values, as the comment in its plugin.yaml names it."""
        if self.file is not None:
            return f"a file beside the program, {self.file.name}"
        return f"the stack's configuration, {self._key}, under {folder}.environmentVariables"

    def keep(
        self, variables: Mapping[str, Mapping[str, str]], others: Mapping[str, str], progress: Callable[[str], None]
    ) -> None:
        """Encrypt the variables of each plugin, and other values by their keys, into the configuration."""

        def show(number: int, count: int) -> None:
            progress(f"encrypting values: {number} of {count}")

        paths = {
            f"{self._key}[{json.dumps(folder)}].environmentVariables[{json.dumps(name)}]": value
            for folder, values in variables.items()
            for name, value in values.items()
        }
        keep_secrets(self.target, paths, show, are_paths=True)
        keep_secrets(self.target, others, show)

    def is_kept(self, key: str, value: str) -> bool | None:
        """Return whether the configuration has this value at a key of the project; None where it has another one."""
        kept = self._values.get(f"{self.target.project.name}:{key}", {}).get("value")
        return False if kept is None else kept == value or None

    def text(self, variables: Mapping[str, Mapping[str, str]], folders: Collection[str]) -> str:
        """Return the user's own file: overrides, as `declare_plugins` takes them; those of other folders stay in it."""
        try:
            there = json.loads(self.file.read_bytes()) if self.file else {}
        except (OSError, ValueError):
            there = {}
        kept = {key: value for key, value in there.items() if key not in folders} if isinstance(there, dict) else {}
        overrides = kept | {folder: {"environmentVariables": dict(values)} for folder, values in variables.items()}
        return json.dumps(overrides, indent=2, ensure_ascii=False) + "\n"

    @property
    def _key(self) -> str:
        return f"{self.target.project.name}:plugins"

    def _require(self, has_engine: bool) -> None:
        if not has_engine:
            advice = f"{INSTALL}, or name a file for them with --variables-file"
            raise CommandError(
                f"there is no {ENGINE} on PATH to encrypt the values of variables", "BIOT-8012", advice=advice
            )
        if "." in self.target.project.name:
            raise CommandError(
                f"`{ENGINE} config set --path` cannot write below {self._key}, since the project's name has a dot",
                "BIOT-8051",
                advice="name a file for the values of variables with --variables-file",
            )

    def _overrides(self) -> dict[str, Override]:
        value = self._values.get(self._key, {}).get("value")
        if not isinstance(value, str):
            return {}
        try:
            found = read_overrides(value, self.target.project.folder)
        except InputError as error:
            raise CommandError(f"{self._key} in the stack's configuration: {error.text}", error.message_code) from None
        plugins = found.items() if isinstance(found, dict) else ()
        return {folder: override for folder, override in plugins if isinstance(override, dict)}


def with_variables(override: Override, values: Mapping[str, str]) -> Override:
    """Return an override with these variables added."""
    kept = override.get("environmentVariables")
    return {**override, "environmentVariables": {**(kept if isinstance(kept, Mapping) else {}), **values}}
