"""Processes that watch one another: parts that are started again, children without a parent."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import structlog

STEADY_SECONDS = 60.0  # after so long without a restart the next one waits no longer than the first
ORPHAN_SECONDS = 8.0  # for what a process without a parent has begun
_LOOK_SECONDS = 0.2
_DRAIN_SECONDS = 60.0
_OPERATORS = 2  # the exit status of what an operator can mend; the reason has been printed

log = structlog.get_logger(__name__)


class Backoff:
    """Waits that double up to a longest one, spread so that many processes do not come at once."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self.count = 0
        self._first, self._longest = first_seconds, longest_seconds
        self._last = time.monotonic()

    def next(self) -> float:
        """Return the seconds to wait now; after a long time without a wait the first again."""
        now = time.monotonic()
        if now - self._last > STEADY_SECONDS:
            self.count = 0
        self._last = now
        wait: float = min(self._first * 2 ** min(self.count, 16), self._longest)
        self.count += 1
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def end_with(parent: int) -> None:
    """End this process when its parent has died, so that no orphan keeps the port.

    As by SIGTERM, and after a while for good. By looking: a signal of the kernel's for this
    (PR_SET_PDEATHSIG) is Linux's own and follows the thread that started the child, and the end
    of a pipe does not arrive while any other child has inherited it.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        log.warning("parent_died", parent=parent)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


class PartError(Exception):
    """A part cannot start; it has printed why."""


@dataclass
class _Part:
    """A command of ours in a process of its own, and when to start it again."""

    name: str
    environ: Mapping[str, str]
    say: Callable[[str], None]
    process: subprocess.Popen[bytes] | None = None
    waits: Backoff = field(default_factory=lambda: Backoff(0.5, 30.0))
    due: float = 0.0

    def start(self) -> None:
        """Start the process, in a session of its own, so that Ctrl-C reaches it once, from us."""
        command = [sys.executable, "-m", "guahao", self.name, "--parent", str(os.getpid())]
        self.process = subprocess.Popen(command, env=self.environ, start_new_session=True)  # noqa: S603

    def look(self) -> None:
        """Start the process again where it has ended and its wait is over.

        Raises PartError where it ends for a reason that is the operator's before it ever ran.
        """
        if self.process is None:
            if time.monotonic() >= self.due:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        if status == _OPERATORS and self.waits.count == 0:
            raise PartError(f"the part `{self.name}` did not start; its reason stands above")
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        wait = self.waits.next()
        self.process, self.due = None, time.monotonic() + wait
        self.say(f"The part `{self.name}` {how}; it starts again in {wait:.1f} s.")


class Revivable:
    """A server that is started again when it has died."""

    def revive(self) -> bool:
        """Start the server if it does not run; whether it did not."""
        raise NotImplementedError


def supervise(
    names: Sequence[str],
    environ: Mapping[str, str],
    say: Callable[[str], None],
    server: Revivable | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run these commands until KeyboardInterrupt; start again what dies, and leave the others be.

    `server`: what they work with. Then let all finish what is begun.
    """
    parts = [_Part(name, environ, say) for name in names]
    waits, due = Backoff(0.5, 30.0), 0.0
    try:
        for part in parts:
            part.start()
        ready()
        while True:
            if server is not None and time.monotonic() >= due:
                due = _revive(server, waits, say)
            for part in parts:
                part.look()
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        say("Stopping: what was begun is finished first.")
    finally:
        running = [part.process for part in parts if part.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            _wait(process)


def _revive(server: Revivable, waits: Backoff, say: Callable[[str], None]) -> float:
    """Keep the server running; until when it is left alone."""
    try:
        if not server.revive():
            return 0.0
    except Exception as error:  # noqa: BLE001 - the parts go on, and it is tried again
        wait = waits.next()
        say(f"The database does not start ({error}); again in {wait:.1f} s.")
    else:
        wait = waits.next()
        say("The database had ended by itself; it runs again.")
    return time.monotonic() + wait


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def interrupted_later() -> Iterator[None]:
    """Put off SIGINT and SIGTERM to the end, so that no process is started and then forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    arrived: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = {n: handler for n, handler in before.items() if handler != signal.SIG_IGN}
    for number in handled:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, also where a shell made us ignore Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
