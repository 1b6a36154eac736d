"""What can go wrong with the local stack: every message says what to do about it."""

from __future__ import annotations


class StackError(Exception):
    """The local stack cannot do what was asked; the text is for the person who asked."""


class PortTakenError(StackError):
    """A port that a component needs is in use by another process."""


class ChecksumError(StackError):
    """A downloaded file is not the one that the lock file names."""


class DownloadError(StackError):
    """Something must be downloaded and cannot be."""


class JavaMissingError(StackError):
    """No Java of the version that Kafka needs, and none could be installed."""


class NotReadyError(StackError):
    """A process ended, or did not become healthy before its deadline."""


class StackBusyError(StackError):
    """Another launcher runs the same state directory."""
