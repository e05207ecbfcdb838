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
"""What Pulumi's own SDKs take."""

_MAX_THREADS = 100_000
"""More operations than an engine ever starts at once: none waits for a thread, Cancel least of all."""


def main() -> None:
    """Serve until the engine ends this process."""
    # Imports leave no garbage, and the collector would go through all that they make, several times.
    gc.disable()
    import grpc
    from pulumi.runtime.proto import provider_pb2_grpc

    from biot_provider.native.servicer import BiotServicer

    gc.freeze()
    gc.enable()
    # The engine shows its user what is written to standard error: what a library has to say may hold a secret.
    warnings.simplefilter("ignore")
    logging.disable()
    servicer = BiotServicer(sys.argv[1] if len(sys.argv) > 1 else None)
    options = [("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=_MAX_THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # The engine has cancelled what runs before it interrupts this process, and kills it when it does not end.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_the_engine, args=(servicer,), daemon=True).start()
    server.wait_for_termination()


def _end_with_the_engine(servicer: BiotServicer) -> None:
    """End when the engine was killed: what it never hears of should not be done."""
    engine = os.getppid()
    while os.getppid() == engine:
        time.sleep(1)
    servicer.connection.cancel()
    time.sleep(5)
    os._exit(1)


if __name__ == "__main__":
    main()
