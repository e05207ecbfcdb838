"""The source of each configuration key and the resulting settings. A stack's key overrides the environment's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from biot_provider.cli.errors import CommandError
from biot_provider.cli.project.engine import ENGINE, INSTALL, run_engine
from biot_provider.cli.project.project import Project, read_map
from biot_provider.config import KEYS, SECRET_KEYS, Settings
from biot_provider.lifecycle.problems import nearest

NAMESPACE = "biot:"
VARIABLES: Mapping[str, str | None] = {key.name: key.variable for key in KEYS}
"""Each key of the namespace, and the environment variable that replaces it."""


@dataclass(frozen=True)
class StackFile:
    """A stack's configuration file: the plain values of the namespace, and which of its keys are encrypted.

    ``defaults`` is the configuration that stands in the project's file, for all stacks.
    """

    shown: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    project_file: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """The keys of the namespace `biot`, without the namespace."""
        return {
            str(key).removeprefix(NAMESPACE): value
            for key, value in {**self.defaults, **self.content}.items()
            if str(key).startswith(NAMESPACE)
        }

    def where(self, key: str) -> str:
        """Return the file that holds a key."""
        return self.shown if f"{NAMESPACE}{key}" in self.content else self.project_file

    @property
    def encrypted(self) -> list[str]:
        """The keys with an encrypted value."""
        return [key for key, value in self.given.items() if isinstance(value, dict) and "secure" in value]


def read_stack(project: Project, stack: str) -> StackFile:
    """Read the stack's configuration file. Raises CommandError."""
    file = project.stack_file(stack)
    if not file.is_file():
        raise CommandError(
            f"there is no {project.shown(file)}: name another stack, or run `pulumi stack init {stack}`", "BIOT-8005"
        )
    content = read_map(file).get("config") or {}
    if not isinstance(content, dict):
        raise CommandError(f"config in {project.shown(file)} is not a map: correct it", "BIOT-8006")
    return StackFile(project.shown(file), content, _defaults(project), project.file.name)


def _defaults(project: Project) -> dict[str, Any]:
    """Return the values in the project's file: plain, or the ``value`` or ``default`` of a key's description."""
    declared = project.content.get("config")
    described = declared.items() if isinstance(declared, dict) else ()
    values = {
        key: item.get("value", item.get("default")) if isinstance(item, dict) else item for key, item in described
    }
    return {key: value for key, value in values.items() if value is not None}


def decrypt(project: Project, name: str, stack: StackFile) -> dict[str, Any]:
    """Return every key of the namespace in plain text; Pulumi decrypts the encrypted ones. Raises CommandError."""
    values = stack.given
    if not stack.encrypted:
        return values
    encrypted_keys = " and ".join(f"{NAMESPACE}{key}" for key in stack.encrypted)
    if shutil.which(ENGINE) is None:
        raise CommandError(
            f"{encrypted_keys} in {stack.shown} is encrypted and there is no {ENGINE} to read it: {INSTALL}",
            "BIOT-8007",
        )
    arguments = ("config", "--show-secrets", "--json", "--stack", name, "--non-interactive")
    try:
        output = json.loads(run_engine(*arguments, folder=project.folder))
        return values | {key: output[f"{NAMESPACE}{key}"]["value"] for key in stack.encrypted}
    except CommandError as problem:
        advice = "log in to the stack's backend and give its passphrase (PULUMI_CONFIG_PASSPHRASE)"
        raise CommandError(
            f"{encrypted_keys} in {stack.shown} is encrypted and cannot be read: {problem}; {advice}", "BIOT-8007"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(
            f"`{ENGINE} config` does not show {encrypted_keys}: run it by hand with --stack {name}", "BIOT-8007"
        ) from None


def settings(
    stack: StackFile, values: Mapping[str, Any], environment: Mapping[str, str], suffix: str
) -> tuple[str, Settings]:
    """Return the source of each key, and the settings; a variable with the suffix counts first.

    Raises CommandError, and ConfigError.
    """
    unknown = [key for key in values if key not in VARIABLES]
    if unknown:
        wrong = ", ".join(f"{NAMESPACE}{key}{nearest(key, sorted(VARIABLES))}" for key in unknown)
        raise CommandError(f"unknown keys in {stack.where(unknown[0])}: {wrong}", "BIOT-1014")
    plain = [key for key in SECRET_KEYS if key in values and key not in stack.encrypted]
    if plain:
        keys = " and ".join(f"{NAMESPACE}{key}" for key in plain)
        raise CommandError(
            f"{keys} stands in plain text in {stack.where(plain[0])}: make a new one, since this one may be known,"
            f" and run `pulumi config set --secret {NAMESPACE}{plain[0]}`",
            "BIOT-1013",
        )
    read = Settings.read(lambda key: values.get(key.removeprefix(NAMESPACE)), _effective(environment, suffix))
    return ", ".join(_sources(stack, values, environment, suffix)), read


def secrets(source: Mapping[str, Any], suffix: str = "") -> list[str]:
    """Return every secret in the stack's values or in the environment, to redact it."""
    names = [name for key in SECRET_KEYS for name in (key, VARIABLES[key]) if name is not None]
    found = [source.get(name) for name in (*names, *(f"{name}_{suffix}" for name in names if suffix))]
    return [value for value in found if isinstance(value, str) and value]


def _effective(environment: Mapping[str, str], suffix: str) -> dict[str, str]:
    """Return the environment, in which a variable with the suffix stands for the one without."""
    own = {name: environment.get(f"{name}_{suffix}") for name in VARIABLES.values() if name and suffix}
    return {**environment, **{name: value for name, value in own.items() if value}}


def _sources(stack: StackFile, values: Mapping[str, Any], environment: Mapping[str, str], suffix: str) -> Iterable[str]:
    for key, variable in VARIABLES.items():
        if values.get(key) is not None:
            encrypted = ", encrypted" if key in stack.encrypted else ""
            yield f"{NAMESPACE}{key} from {stack.where(key)}{encrypted}"
        elif variable is not None and suffix and environment.get(f"{variable}_{suffix}"):
            yield f"{NAMESPACE}{key} from {variable}_{suffix}, which `pulumi` does not read"
        elif variable is not None and environment.get(variable):
            yield f"{NAMESPACE}{key} from {variable}"


def without_ciphers(value: Any) -> Any:
    """Return a configuration value with a placeholder for each encrypted part."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return "encrypted"
        return {key: without_ciphers(member) for key, member in value.items()}
    return [without_ciphers(member) for member in value] if isinstance(value, list) else value
