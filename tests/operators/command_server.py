"""`guahao` without its start: a process that has imported everything and forks per command.

A runbook runs dozens of commands, and each import takes two seconds. `python command_server.py
SOCKET` serves; `guahao` in the runbook's PATH is CLIENT, which passes its arguments, environment,
folder and the three files, forwards signals, and ends with the command's status.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module

CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
signals = (signal.SIGTERM, signal.SIGINT)
signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # until there is a process to pass them to
server = socket.socket(socket.AF_UNIX)
server.connect({socket!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
server.sendall(asked)
pid = int.from_bytes(server.recv(4), "big")
for number in signals:
    signal.signal(number, lambda number, _: os.kill(pid, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
sys.exit(int.from_bytes(server.recv(1), "big"))
"""


def main(path: str) -> None:
    """Serve until SIGTERM."""
    # What takes the time, and what a command would import for itself.
    from guahao.cli import commands  # noqa: PLC0415

    modules = {
        *commands.COMMANDS.values(),
        *(one.split(":")[0] for one in commands.GROUPS.values()),
    }
    for module in (
        *(f"guahao.cli.{one}" for one in modules),
        "guahao.web_process",
        "guahao.worker_process",
    ):
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _serve(connection, commands.main)
        connection.close()


def _serve(connection: socket.socket, command: object) -> None:
    """Run one command in a child, and send its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(length, "big"):
        asked += connection.recv(65536)
    arguments, folder, environ = json.loads(asked)
    child = os.fork()
    if child == 0:
        connection.close()
        os.setsid()
        # As in an operator's shell: tests that run in the background inherit that it is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["guahao", *arguments]
        status = 0
        try:
            command()  # type: ignore[operator]
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # noqa: BLE001 - as the interpreter would
            traceback.print_exc()
            status = 1
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(status)
    for file in files:
        os.close(file)
    connection.sendall(child.to_bytes(4, "big"))
    _, ended = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(ended)
    with suppress(OSError):
        connection.sendall((status if status >= 0 else 128 - status).to_bytes(1, "big"))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
