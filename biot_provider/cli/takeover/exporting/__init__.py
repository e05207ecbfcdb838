"""`biot-provider export`."""

from .command import register

__all__ = ["register"]
