"""`python -m deploy.local`: the stack without the services, and its upkeep."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

import psutil

from deploy.local import jars
from deploy.local.build_fast_store import build_fast_store
from deploy.local.errors import StackError
from deploy.local.launcher import find_launcher
from deploy.local.paths import cache_dir
from deploy.local.progress import to_stderr
from deploy.local.stack import Stack

_LAUNCHER_SECONDS_MAX = 90


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 a clear error on standard error."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=Path(".heliodesk"))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start Kafka, store and mail; Ctrl-C stops them")
    commands.add_parser("down", help="stop what an earlier launcher left running")
    commands.add_parser("status", help="what runs, as JSON")
    commands.add_parser("build-fast-store", help="build the Rust store with cargo")
    lock = commands.add_parser("lock-kafka", help="write the lock file for a Kafka version")
    lock.add_argument("version")
    options = parser.parse_args(arguments)
    stack = Stack(options.state_dir, progress=to_stderr)
    try:
        match options.command:
            case "up":
                up(stack)
            case "down":
                down(stack)
            case "status":
                found = [status.model_dump(mode="json") for status in stack.status()]
                sys.stdout.write(json.dumps(found, indent=2) + "\n")
            case "build-fast-store":
                build_fast_store(cache=cache_dir(), progress=to_stderr)
            case _:
                lock_kafka(options.version)
    except StackError as error:
        notes = getattr(error, "__notes__", [])
        sys.stderr.write("\n".join([str(error), *notes]) + "\n")
        return 1
    return 0


def up(stack: Stack) -> None:
    """Run the stack until SIGINT or SIGTERM, starting again what dies; stop all of it then."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with stack.hold():
        try:
            stack.start()
            stack.watch(ended)
        finally:
            stack.stop()


def down(stack: Stack) -> None:
    """End the launcher that runs this state, if there is one, and whatever still runs of it."""
    if (pid := find_launcher(stack.state_dir)) and pid != os.getpid():
        launcher = psutil.Process(pid)
        launcher.terminate()
        try:
            launcher.wait(timeout=_LAUNCHER_SECONDS_MAX)
        except psutil.TimeoutExpired as error:
            message = f"The launcher (pid {pid}) did not end in {_LAUNCHER_SECONDS_MAX} s."
            raise StackError(message) from error
    stack.stop()


def lock_kafka(version: str) -> None:
    """Resolve that version of Kafka and write its jars and their checksums to the lock file."""
    from deploy.local.maven import resolve_lock  # noqa: PLC0415 -- needed by this command only.

    lock = resolve_lock(version)
    jars.LOCK_PATH.write_text(lock.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
