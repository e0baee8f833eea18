"""A process that has imported torch already and becomes `labelloom …` sooner than a new one would.

    python warm.py serve SOCKET        imports, then answers
    python warm.py run SOCKET ARGS…    is `labelloom ARGS…`: same folder, variables, streams, signals and exit status

Pages run dozens of commands, and each would spend two seconds on imports. What a new process does is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from types import FrameType
from typing import Any

_BYTES = 1 << 20


def serve(path: str) -> None:
    """Answer until the process is ended. The socket is there once everything is imported."""
    import labelloom.cli.app
    import labelloom.runs.classifier
    import labelloom.training.dry_run
    import labelloom.training.train  # noqa: F401
    from labelloom.bundles import Catalogue, load_target

    for component in Catalogue().components():
        load_target(component.target, component.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{path}.new")
        listening.listen()
        os.rename(f"{path}.new", path)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os._exit(_answer(connection))
            connection.close()


def _answer(connection: socket.socket) -> int:
    """Be the command in a child, and tell its number, then its exit status."""
    message, streams, _, _ = socket.recv_fds(connection, _BYTES, 3)
    child = os.fork()
    if child == 0:
        _become(json.loads(message), streams)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return 0


def _become(order: dict[str, Any], streams: list[int]) -> None:
    from labelloom.cli import main

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["variables"])
    sys.argv = ["labelloom", *order["arguments"]]
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run(path: str, arguments: list[str]) -> int:
    """The exit status of `labelloom ARGS…`, run by the server."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        order = {"arguments": arguments, "folder": os.getcwd(), "variables": dict(os.environ)}
        socket.send_fds(connection, [json.dumps(order).encode()], [0, 1, 2])
        with connection.makefile() as answers:
            child = int(answers.readline())

            def forward(number: int, frame: FrameType | None) -> None:
                os.kill(child, number)

            signal.signal(signal.SIGINT, forward)
            return int(answers.readline())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(run(sys.argv[2], sys.argv[3:]))
