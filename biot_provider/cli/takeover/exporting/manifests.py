"""A plugin's `plugin.yaml` as an export writes it, beside the one that is there."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic.alias_generators import to_camel

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.cli.console import printable
from biot_provider.cli.takeover.kinds import Existing
from biot_provider.errors import InputError
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import Context
from biot_provider.plugin.manifest.yaml_file import read_yaml
from biot_provider.plugin.model import AS_DEPLOYED, PluginInputs

NEW, UNCHANGED, DIFFERENT = "new", "unchanged", "different"
"""What becomes of a file: it is written, it is as it should be, it is there with something else in it."""

_VARIABLES = "environment_variables"
_ALWAYS = ("display_name", "runtime", "handler", "timeout", "memory_size")
"""Written though they are as by default: who reads the file wants to know them."""
_LAST = ("subscriptions", "cors")
_NOT_COMPARED = frozenset({"code_files", "code_digest", "version", *marked(PluginInputs, Mark.LOCAL)})
_HERE_ALONE = frozenset(
    str(field.alias) for name, field in PluginInputs.model_fields.items() if name not in PluginAnswer.model_fields
)
"""Keys of which the platform shows nothing, such as `code` and `adopt`: a file that is overwritten keeps them."""
_WIDTH = 100


@dataclass
class Manifest:
    """One plugin's file: what it should say, and how it is."""

    resource: Existing
    path: Path
    needs_code: bool = False
    """Whether it is to be declared with the code that this stack has deployed, and has none here."""
    status: str = NEW
    differences: list[str] = field(default_factory=list)
    """Where the file that is there says something else than the platform."""
    _declared: Mapping[str, Any] = field(default_factory=dict)
    """The variables that the file and the stack's override declare."""
    _overridden: Mapping[str, Any] = field(default_factory=dict)
    """Those of them that stand in the override."""
    _decided: frozenset[str] = frozenset()
    """The keys that the override decides, whatever the file says."""

    @property
    def folder(self) -> str:
        """The name of its folder, and of the resource."""
        return self.path.parent.name

    @property
    def live_variables(self) -> dict[str, str]:
        """The plugin's own variables as the platform shows them."""
        return dict(self.resource.state.environment_variables or {})

    def compare(self, override: Mapping[str, Any], context: Context) -> None:
        """Find out how the file that is there differs, together with the stack's override for it.

        Variables that neither of the two declares are no difference: they are to be added.
        """
        from biot_provider.plugin.manifest.fleet import read_plugin

        self._decided = frozenset("enabledState" if key == "enabled" else str(key) for key in override)
        found = override.get("environmentVariables")
        self._declared = self._overridden = found if isinstance(found, Mapping) else {}
        if not os.path.lexists(self.path):
            self.status, self.differences = NEW, []
            return
        try:
            arguments = read_plugin(self.path, override, "the stack's configuration")
        except InputError as error:
            self.status, self.differences = DIFFERENT, str(error).splitlines()
            return
        self._declared = arguments.get(_VARIABLES) or {}
        arguments[_VARIABLES] = {**self.live_variables, **self._declared}
        compared = self.resource.compared(arguments, context)
        self.differences = compared.problems or [*_described(self.resource.state, compared.declared, compared.changed)]
        self.status = DIFFERENT if self.differences else UNCHANGED

    def is_due(self, *, force: bool) -> bool:
        """Return whether the file is to be written."""
        return self.status == NEW or (self.status == DIFFERENT and force)

    def due_variables(self, *, force: bool) -> dict[str, str]:
        """Return the values that must be declared beside the file, which itself declares none once it is written."""
        declared = self._overridden if self.is_due(force=force) else self._declared
        return {k: v for k, v in self.live_variables.items() if k not in declared or (force and declared[k] != v)}

    def text(self, variables_place: str) -> str:
        """Return the file, in the names of the API; the values of variables are elsewhere."""
        inputs = {key: value for key, value in self.resource.inputs().items() if not key.startswith("__")}
        given = {key: value for key, value in self.resource.arguments().items() if key != _VARIABLES}
        given |= {key: inputs[key] for key in _ALWAYS if inputs.get(key) is not None}
        given = {key: value for key, value in given.items() if to_camel(key) not in _HERE_ALONE - {"imageTag"}}
        names = [name for name in inputs if name in given and name not in _LAST]
        content = {to_camel(name): _camel(given[name]) for name in (*names, *(n for n in _LAST if n in given))}
        there = self._there()
        content |= {key: value for key, value in there.items() if key in _HERE_ALONE}
        for key in self._decided & content.keys() if there else ():
            # What this stack alone has does not belong into a file that all stacks share.
            content[key] = there.get(key)
        content = {key: value for key, value in content.items() if value is not None}
        comment = "".join(f"# {line}\n" for line in self._comment(variables_place, has_code="code" in content))
        return comment + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=10_000)

    def _there(self) -> dict[str, Any]:
        """Return what stands in the file that is there; nothing where it cannot be read."""
        try:
            there = read_yaml(self.path, str(self.path)) if self.path.is_file() else None
        except InputError:
            there = None
        return there if isinstance(there, dict) else {}

    def _comment(self, variables_place: str, *, has_code: bool) -> Iterator[str]:
        state = self.resource.state
        if state.image_tag == AS_DEPLOYED:
            yield from _lines(
                f"The platform does not show which image it runs. The tag {AS_DEPLOYED!r} keeps that image; another"
                " one in its place is deployed."
            )
        elif self.needs_code and not has_code:
            yield from _lines(
                "This very stack has deployed the code that runs: put it here, in a folder `code` beside this file."
                " Without it, the next refresh sees code that the program does not have, and `pulumi up` replaces the"
                " plugin."
            )
        elif state.image_tag is None and state.code_digest is None and not has_code:
            yield from _lines(
                "The platform does not give the code back. What runs there stays, and a preview says unchanged, until"
                " there is code here: in a folder `code` beside this file."
            )
        if names := sorted(self.live_variables):
            yield from _lines(f"environmentVariables: {', '.join(names)}. Their values are in {variables_place}.")


def _described(live: Any, declared: Any, changed: list[str]) -> Iterator[str]:
    """Yield each difference between the file and the platform; no value of a variable is shown."""
    for name in changed:
        camel = to_camel(name)
        if name == _VARIABLES:
            here, there = declared.environment_variables or {}, live.environment_variables or {}
            for key in sorted(here.keys() | there.keys()):
                if here.get(key) != there.get(key):
                    yield f"{camel}.{key}: {_one_sided(key in here, key in there)}"
        elif name == "code":
            yield "code: there is code here that the platform does not run, or none that is known to"
        elif name not in _NOT_COMPARED:
            yield f"{camel}: {_shown(getattr(declared, name))} here, {_shown(getattr(live, name))} on the platform"


def _one_sided(is_here: bool, is_there: bool) -> str:
    if is_here and is_there:
        return "another value here than on the platform"
    return "only here" if is_here else "only on the platform"


def _shown(value: Any) -> str:
    if hasattr(value, "model_dump"):
        value = _camel(value.model_dump(mode="json", exclude_none=True))
    return textwrap.shorten(json.dumps(value, ensure_ascii=False), 300)


def _camel(value: Any) -> Any:
    """Return a value in the API's names, without empty lists."""
    if isinstance(value, Mapping):
        return {to_camel(key): _camel(item) for key, item in value.items() if item not in ([], ())}
    return [_camel(item) for item in value] if isinstance(value, list | tuple) else value


def _lines(text: str) -> list[str]:
    return textwrap.wrap(printable(text), _WIDTH, break_long_words=False, break_on_hyphens=False)
