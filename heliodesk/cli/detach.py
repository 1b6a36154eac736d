"""`heliodesk up --detach`: a launcher of its own session, and its report through a pipe.

Passwords go through the pipe and nowhere else: the launcher's own output is a log file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, Any

from deploy.local.progress import Progress, to_stderr
from heliodesk.cli.board import Board
from heliodesk.cli.context import Context
from heliodesk.cli.welcome import Greeting
from heliodesk.errors import CliError, Exit
from heliodesk.product.addresses import repository

_TAIL_LINES = 20


class Reporter:
    """The launcher's end of the pipe: JSON lines until the greeting, log lines afterwards."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe: IO[str] | None = pipe

    def open(self) -> ExitStack:
        """Return a context that needs nothing."""
        return ExitStack()

    def step(self, progress: Progress) -> None:
        """Report a step, and write it to the log."""
        to_stderr(progress)
        fields = {"component": progress.component, "text": progress.text}
        sizes = {"bytes_done": progress.bytes_done, "bytes_total": progress.bytes_total}
        self._send({"step": {**fields, **sizes}})

    def greet(self, greeting: Greeting) -> None:
        """Report that everything runs, and close the pipe.

        Raises:
            BrokenPipeError: nobody reads it any more, so the passwords were not told.
        """
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.write(json.dumps({"greeting": greeting.model_dump(mode="json")}) + "\n")
            pipe.close()

    def fail(self, error: CliError) -> None:
        """Report why nothing runs."""
        failed = {"message": error.message, "code": int(error.code), "lines": error.lines}
        self._send({"error": failed})

    def _send(self, content: dict[str, Any]) -> None:
        if self._pipe is None:
            return
        try:
            self._pipe.write(json.dumps(content) + "\n")
            self._pipe.flush()
        except OSError:
            self._pipe = None


def start(context: Context) -> Greeting:
    """Start the launcher in a session of its own and wait until everything is ready.

    Raises:
        CliError: it could not start; nothing is left running then.
    """
    log_path = context.home / "logs" / "launcher.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    path = os.pathsep.join(p for p in (str(repository()), os.environ.get("PYTHONPATH")) if p)
    with log_path.open("ab") as log:
        launcher = subprocess.Popen(  # noqa: S603 -- this very program.
            [sys.executable, "-P", "-m", "heliodesk.cli", "up", "--report", str(writing)],
            env={**os.environ, "HELIODESK_HOME": str(context.home), "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="utf-8") as pipe, Board() as board:
            greeting = _follow(pipe, board)
    except BaseException:
        # Ctrl-C here ends the launcher too, which stops what it has started.
        launcher.terminate()
        launcher.wait()
        raise
    if greeting is None:
        launcher.wait()
        tail = log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        message = f"The launcher ended before everything was ready. The last lines of {log_path}:"
        raise CliError(message, lines=tail)
    return greeting


def _follow(pipe: Iterable[str], board: Board) -> Greeting | None:
    """Show the steps until the greeting.

    Raises:
        CliError: the one that the launcher reports.
    """
    for line in pipe:
        match json.loads(line):
            case {"step": step}:
                board(Progress(**step))
            case {"greeting": greeting}:
                return Greeting.model_validate(greeting)
            case {"error": failed}:
                raise CliError(failed["message"], code=Exit(failed["code"]), lines=failed["lines"])
            case _:
                continue
    return None
