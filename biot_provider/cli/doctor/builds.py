"""Check of what installs the dependencies of plugins that have a `build`."""

from __future__ import annotations

from biot_provider.cli.doctor.report import NoteError
from biot_provider.recipe.node_modules import GET, node_tool
from biot_provider.recipe.python_wheels import GET_UV, python_installer


def builds() -> str:
    """Return what installs for Python and for Node.js. Raises NoteError where one of them has nothing."""
    python = python_installer()
    node = [name for name in GET if node_tool(name)]
    missing = [] if python else [f"for Python there is neither uv nor pip: {GET_UV}"]
    missing += [] if node else [f"for Node.js there is neither npm nor pnpm: {GET['npm']}"]
    if missing:
        raise NoteError(f"needed only where a plugin has a build: {'; '.join(missing)}", "BIOT-3130")
    return f"{python} installs for Python, {' and '.join(node)} for Node.js"
