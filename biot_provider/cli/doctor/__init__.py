"""`biot-provider doctor`: one check for each thing a deployment needs."""

from .command import register

__all__ = ["register"]
