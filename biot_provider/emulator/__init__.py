"""The embedded platform: BioT's plugin API on this machine, with the same rules and its state in one SQLite file.

It shares no code with the client. Two readings of one contract check each other.

    platform = Platform(Path(".biot/dev"))
    platform.app                                            # the WSGI application
    platform.service_id, platform.service_secret_key        # a service user that may do everything

`server.serve` and `server.running` put it on a port of the loopback interface.
"""

from .platform import Platform
from .testing.faults import ConnectionCut

__all__ = ["ConnectionCut", "Platform"]
