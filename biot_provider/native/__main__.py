"""The program ``pulumi-resource-biot``: the engine starts it with its own address and reads the port that it prints."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biot_provider.native.servicer import BiotServicer

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""The limit of Pulumi's own SDKs."""

_MAX_THREADS = 100_000
"""More than an engine ever starts at once, so that no operation, and above all not Cancel, waits for a thread."""


def main() -> None:
    """Serve until the engine ends this process."""
    # Imports leave no garbage, but the collector would scan all their objects several times.
    gc.disable()
    import grpc
    from pulumi.runtime.proto import provider_pb2_grpc

    from biot_provider.native.servicer import BiotServicer

    gc.freeze()
    gc.enable()
    # The engine shows standard error to the user, and a library's output may contain a secret.
    warnings.simplefilter("ignore")
    logging.disable()
    servicer = BiotServicer(sys.argv[1] if len(sys.argv) > 1 else None)
    options = [("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=_MAX_THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # Before the engine interrupts this process it has cancelled everything, and it kills a process that does not end.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_the_engine, args=(servicer,), daemon=True).start()
    server.wait_for_termination()


def _end_with_the_engine(servicer: BiotServicer) -> None:
    """End this process when the engine was killed, which could not record any further result."""
    engine = os.getppid()
    while os.getppid() == engine:
        time.sleep(1)
    servicer.connection.cancel()
    time.sleep(5)
    os._exit(1)


if __name__ == "__main__":
    main()
