"""`biot-provider graph`."""

from .command import register

__all__ = ["register"]
