"""Writes what follows from the models and the messages: the classes that a program imports, and docs/reference/."""

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]

if "biot_provider" not in sys.modules:
    # Its __init__.py imports the generated modules, which may be missing or broken here.
    package = ModuleType("biot_provider")
    package.__path__ = [str(ROOT / "biot_provider")]
    sys.modules["biot_provider"] = package
