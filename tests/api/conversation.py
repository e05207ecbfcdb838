"""A server of sockets that gives a client its token, and then converses as a test wants."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOKEN = b'{"accessToken": "canary-token", "accessTokenExpiration": "2999-01-01T00:00:00Z"}'

Conversation = Callable[[socket.socket, threading.Event], None]


def read_request(connection: socket.socket) -> bytes:
    """The head of one request, and what came with it."""
    text = b""
    while b"\r\n\r\n" not in text and (more := connection.recv(65536)):
        text += more
    return text


@contextlib.contextmanager
def talking(conversation: Conversation, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that gives each connection a token first, and then converses so."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def converse(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            talk = tls.wrap_socket(connection, server_side=True) if tls else connection
            with talk:
                text = read_request(talk)
                if b"accessToken" in text:
                    if not text.endswith(b"}"):
                        talk.recv(65536)
                    talk.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(TOKEN) + TOKEN)
                    read_request(talk)
                conversation(talk, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=converse, args=(server.accept()[0],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()


def drip(text: bytes) -> Conversation:
    def conversation(connection: socket.socket, over: threading.Event) -> None:
        for _ in range(80):  # and then it ends, so that a client without a limit fails and does not hang
            if over.wait(0.1):
                return
            connection.sendall(text)

    return conversation
