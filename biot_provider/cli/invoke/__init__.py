"""`biot-provider invoke`: run a plugin's handler on this machine with the calls that the platform would make."""

from .command import register

__all__ = ["register"]
