"""What the system grants a process: how many files it may have open."""

import resource

from atoll.core.errors import UnavailableError

OPEN_FILES = 1024
"""What supervisord asks for. An API server holds some 100 connections to its etcd, which keeps 150 files back for
itself and lets the other connections wait for ever.

Source: etcd-io/etcd, server/embed/serve.go and server/embed/etcd.go (reservedInternalFDNum).
"""


def raise_open_files() -> None:
    """Lets this process and those that it starts open enough files, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_less(soft, OPEN_FILES):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if _is_less(hard, OPEN_FILES) else OPEN_FILES, hard))


def require_open_files() -> None:
    """Refuses to start what could not work.

    Raises:
        UnavailableError: the system does not allow it.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if _is_less(hard, OPEN_FILES):
        raise UnavailableError(
            f"open files: found a limit of {hard}; expected {OPEN_FILES} (an API server's connections to its store). "
            f"Run in a new shell, or let root raise it: prlimit --nofile={OPEN_FILES} --pid $$"
        )


def _is_less(limit: int, wanted: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < wanted
