"""`python -m language_host [options] ENGINE_ADDRESS`."""

import argparse
import signal


def main() -> None:
    """Start the host as the engine does, with the vendor's options."""
    # Until the server has its own handlers, a signal simply ends this process: no traceback from an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(prog="pulumi-language-python", allow_abbrev=False)
    parser.add_argument("engine", nargs="?", default="", help="address of the engine")
    # Logging and tracing are accepted, since the engine hands on its own, and ignored; the others are what older
    # engines said here and newer ones say in each call.
    for flag in ("tracing", "v", "root", "virtualenv", "typechecker", "toolchain"):
        parser.add_argument(f"-{flag}", f"--{flag}", default="", help=argparse.SUPPRESS)
    parser.add_argument("-logtostderr", "--logtostderr", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    from language_host import stubs

    stubs.expose()
    from language_host.server import serve

    serve(arguments.engine)


if __name__ == "__main__":
    main()
