"""What the system grants: how many files a process may have open, how many inotify instances a user, room on a disk."""

import contextlib
import errno
import os
import resource
from pathlib import Path

import psutil

from atoll.core.errors import UnavailableError, of_system

OPEN_FILES = 1024
"""What supervisord asks for. An API server holds some 100 connections to its etcd, which keeps 150 files back for
itself and lets the other connections wait for ever.

Source: etcd-io/etcd, server/embed/serve.go and server/embed/etcd.go (reservedInternalFDNum).
"""
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_ENOUGH_INSTANCES = 1024
_HARDLY_ANY = 1 << 20
"""Bytes that a full disk may have again once a program ended on it and its half-written files are gone."""


def raise_open_files() -> None:
    """Lets this process and those that it starts open enough files, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_less(soft, OPEN_FILES):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if _is_less(hard, OPEN_FILES) else OPEN_FILES, hard))


def require_open_files(wanted: int = OPEN_FILES) -> None:
    """Refuses to start what could not work.

    Raises:
        UnavailableError: the system does not allow it.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if _is_less(hard, wanted):
        raise UnavailableError(
            f"open files: found a limit of {hard}; expected {wanted} (an API server's connections to its store). "
            f"Run in a new shell, or let root raise it: prlimit --nofile={wanted} --pid $$"
        )


def lacking_watchers() -> str | None:
    """What is wrong where this user has hardly an inotify instance left, or None.

    A local cluster takes about seven, which a program that finds none calls "too many open files" as well.
    """
    allowed = int(_INSTANCES.read_text()) if _INSTANCES.exists() else 0
    used = sum(_watchers(process) for process in psutil.process_iter()) if allowed else 0
    if used * 10 < allowed * 9 or not allowed:
        return None
    return (
        f"fs.inotify.max_user_instances: found {used} of {allowed} in use; expected more to be free. "
        f"Let root raise it: sysctl -w fs.inotify.max_user_instances={max(_ENOUGH_INSTANCES, 2 * allowed)}"
    )


def full_disk(folder: Path) -> UnavailableError | None:
    """What is wrong where a folder's disk has hardly a byte left, or None."""
    found = os.statvfs(folder)
    if found.f_bavail * found.f_frsize > _HARDLY_ANY:
        return None
    return of_system(OSError(errno.ENOSPC, "", str(folder)))


def _watchers(process: psutil.Process) -> int:
    """How many inotify instances a process of this user holds; none of one that may not be looked at or is gone."""
    found = 0
    with contextlib.suppress(OSError, psutil.Error):
        entries = Path(f"/proc/{process.pid}/fd").iterdir() if process.uids().real == os.getuid() else ()
        for entry in entries:
            # What was open may be closed by now.
            with contextlib.suppress(FileNotFoundError):
                found += str(entry.readlink()) == "anon_inode:inotify"
    return found


def _is_less(limit: int, wanted: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < wanted
