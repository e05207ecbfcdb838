"""`biot-provider compare`."""

from .command import register

__all__ = ["register"]
