"""Supervise processes: restart parts that die, and end children whose parent died."""

from __future__ import annotations

import gc
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

from guahao.errors import OperatorError

STEADY_SECONDS = 60.0  # after so long without a restart, the back-off begins anew
ORPHAN_SECONDS = 8.0  # for the work that an orphan has begun
_LOOK_SECONDS = 0.2
_DRAIN_SECONDS = 60.0
_OPERATORS = 2  # exit status of faults that an operator can correct, already printed

_COLLECTION_THRESHOLDS = (20_000, 20, 50)  # new objects; younger collections before an older

log = structlog.get_logger(__name__)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Exclude long-lived objects (modules, routes, pools) from garbage collection.

    By default the collector traverses them again and again, which took a fifth of the processor
    time of a booking call.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Backoff:
    """Waits that double up to a limit, with jitter so that processes do not retry in step."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self.count = 0
        self._first, self._longest = first_seconds, longest_seconds
        self._last = time.monotonic()

    def next(self) -> float:
        """Return the seconds to wait now; begin anew after a long time without a wait."""
        now = time.monotonic()
        if now - self._last > STEADY_SECONDS:
            self.count = 0
        self._last = now
        wait: float = min(self._first * 2 ** min(self.count, 16), self._longest)
        self.count += 1
        return wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def end_with(parent: int) -> None:
    """End this process when its parent has died, so that no orphan occupies the port.

    Send SIGTERM, and exit after a while. The parent is polled, because PR_SET_PDEATHSIG exists
    only on Linux and follows the thread that started the child, and because the end of a pipe
    does not arrive while another child has inherited it.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        log.warning("parent_died", parent=parent)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


class PartError(OperatorError):
    """A part cannot start, and has printed the reason."""


@dataclass
class _Part:
    """A command in a separate process, and when to restart it."""

    name: str
    environ: Mapping[str, str]
    say: Callable[[str], None]
    process: subprocess.Popen[bytes] | None = None
    waits: Backoff = field(default_factory=lambda: Backoff(0.5, 30.0))
    due: float = 0.0

    def start(self) -> None:
        """Start the process in its own session, so that Ctrl-C reaches it only through us."""
        command = [sys.executable, "-m", "guahao", self.name, "--parent", str(os.getpid())]
        self.process = subprocess.Popen(command, env=self.environ, start_new_session=True)  # noqa: S603

    def look(self) -> None:
        """Restart the process if it has ended and its wait is over.

        Raises PartError if its first start fails for a reason that the operator can correct.
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
    """A server that is restarted when it has died."""

    def revive(self) -> bool:
        """Start the server if it is not running; return whether it was started."""
        raise NotImplementedError


def supervise(
    names: Sequence[str],
    environ: Mapping[str, str],
    say: Callable[[str], None],
    server: Revivable | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run these commands until KeyboardInterrupt, restart those that die, then let all finish.

    `server`: the database that they work with.
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
    """Keep the server running; return when to check it again."""
    try:
        if not server.revive():
            return 0.0
    except Exception as error:  # noqa: BLE001 - the parts continue, and the start is retried
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
    """Defer SIGINT and SIGTERM to the end of the block, so that no started process is lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach only the main thread
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
    """Let SIGTERM end the command as Ctrl-C does, even if a shell made us ignore Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
