"""What the supervisor is told to run: a file for each program, written and read. Pure."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ENDS_WITH_SUPERVISOR = ("setpriv", "--pdeathsig", "TERM")
"""Asks the kernel to end a process when its supervisor dies, however it dies."""
LOG_BYTES = 896 * 1024
"""A log is turned over once it is this long. The supervisor writes up to 128 KiB at once: a log has at most 1 MiB."""
LOG_LIMIT = 1024 * 1024
LOG_BACKUPS = 1
_FIELD = re.compile(r"^(?:; (revision|version) |(command|priority|environment)=)(.*)$", re.MULTILINE)
_VARIABLE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Program:
    """What to run: lower priorities start first. Secrets are never in `argv`, which every user can read.

    Another `version` or `revision` restarts it though its arguments are the same: the program behind its name was
    replaced, or what it reads only at its start. `variables` (name and value, without quotes) come on top of the
    supervisor's own environment.
    """

    name: str
    argv: tuple[str, ...]
    priority: int = 100
    revision: str = field(default="", kw_only=True)
    version: str = field(default="", kw_only=True)
    variables: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)


def text(program: Program, log: Path) -> str:
    """The program's section in supervisord's own format."""
    line = " ".join(_quoted(word) for word in (*ENDS_WITH_SUPERVISOR, *program.argv))
    settings = {
        "command": line,
        "priority": program.priority,
        "environment": ",".join(f'{name}="{escaped(value)}"' for name, value in program.variables),
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 1_000_000,
        "stopwaitsecs": 15,
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        # Expanded once with all settings and once for each process.
        "stdout_logfile": escaped(escaped(log)),
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
    }
    body = "".join(f"{key}={value}\n" for key, value in settings.items())
    return f"[program:{program.name}]\n; version {program.version}\n; revision {program.revision}\n{body}"


def parse(name: str, section: str) -> Program | None:
    """The program of a section; None where it tells none, as a file that was damaged does."""
    found = _fields(section)
    try:
        words = shlex.split(found.get("command", "").replace("%%", "%"))
        argv = tuple(words[len(ENDS_WITH_SUPERVISOR) :])
        priority = int(found.get("priority", ""))
    except ValueError:
        return None
    known = {key: found.get(key, "") for key in ("revision", "version")}
    variables = tuple(_VARIABLE.findall(found.get("environment", "").replace("%%", "%")))
    return Program(name, argv, priority, variables=variables, **known) if argv else None


def _fields(section: str) -> dict[str, str]:
    return {one or other: value for one, other, value in _FIELD.findall(section)}


def version(path: Path) -> str | None:
    """The version of a file's program, or None where there is none: all that is asked of many at once."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    found = _fields(text)
    return found.get("version", "") if found.get("command") else None


def read(path: Path) -> Program | None:
    """The program of a file, or None where there is none that can be read."""
    try:
        return parse(path.stem, path.read_text())
    except (OSError, UnicodeDecodeError):
        return None


def escaped(text: object) -> str:
    """A text as a value of supervisord's, which expands percent signs."""
    return str(text).replace("%", "%%")


def _quoted(word: str) -> str:
    # supervisord reads its command as a shell would, after expanding percent signs.
    return '"' + escaped(word.replace("\\", "\\\\").replace('"', '\\"')) + '"'
