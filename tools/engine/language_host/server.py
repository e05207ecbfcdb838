"""Serves the language host until the engine no longer needs it."""

import itertools
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi.runtime.proto import language_pb2_grpc

from language_host.children import Children
from language_host.service import LanguageHost

MESSAGE_LIMIT = 400 * 1024 * 1024
"""Bytes; the engine's own limit."""

WATCH = 0.5
"""Seconds between two looks at whether the process that started the host still lives."""

CALLS = 4
"""So many looks between two tries to reach the engine, which may be another process."""


def serve(engine: str) -> None:
    """Answer the engine at that address until a signal, or until the engine is gone.

    Prints the port as the first line: that is how the engine learns of it. What the program prints follows.
    """
    parent = os.getppid()
    children = Children()
    # A signal handler may not take the lock of an Event whose wait it interrupts: hence a pipe.
    reading, writing = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.write(writing, b"."))

    server = grpc.server(
        ThreadPoolExecutor(max_workers=8),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_LIMIT),
            ("grpc.max_send_message_length", MESSAGE_LIMIT),
        ],
    )
    host = LanguageHost(engine, Path(sys.prefix).parent, children)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()

    threading.Thread(target=_watch, args=(parent, engine, writing), daemon=True).start()
    os.read(reading, 1)
    children.end()
    server.stop(grace=0)
    # Not sys.exit: it would wait for the threads of calls that nobody waits for any more.
    os._exit(0)


def _watch(parent: int, engine: str, writing: int) -> None:
    """Wake the server when the process that started it has gone, or nobody listens at the engine's address."""
    host, _, port = engine.rpartition(":")
    for look in itertools.count(1):
        time.sleep(WATCH)
        lost = port.isdigit() and look % CALLS == 0 and not _listening(host, int(port))
        if lost or os.getppid() != parent:
            os.write(writing, b".")
            return


def _listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=WATCH * CALLS).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        # Slow is not gone.
        return True
    return True
