"""`biot-provider import`."""

from .command import register

__all__ = ["register"]
