"""Writes what follows from the models and the messages: the classes that a program imports, and docs/reference/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
