"""`atoll init`: the inventory that an environment begins with."""

import contextlib
import json
import os
import shutil
import sys
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from atoll.automation import words
from atoll.automation.words import EnvironmentName
from atoll.core import command, files, naming
from atoll.core.errors import RefusedError, SettingsError, UnavailableError
from atoll.platform import environments, problems
from atoll.platform.loading import BASE

_READABLE = 0o644
_PIPE = Path("-")
_PROGRAM = "ansible-inventory"
_LIMIT = timedelta(minutes=2)


def init(
    env: EnvironmentName,
    *,
    from_ansible: Annotated[
        Path | None,
        typer.Option(
            "--from-ansible",
            metavar="FILE",
            help="Make it of an inventory of Ansible's, or of what `ansible-inventory --list --export` prints (- is the pipe).",
        ),
    ] = None,
) -> None:
    """Write an inventory to begin with.

    Of an inventory of Ansible's hosts become clusters; what could not be carried over or means otherwise here is told.
    """
    stacks = words.project() / "stacks"
    path = stacks / f"{env}.yaml"
    if problem := naming.dns_label_problem(env):
        raise SettingsError(f"environment: found {problems.shown(env)}; {problem}")
    if env == BASE or env in environments(stacks):
        raise RefusedError(
            f"stacks/{env}.yaml: found an inventory there; expected none. Choose another name, or remove it"
        )
    notes: tuple[str, ...] = ()
    if from_ansible is None:
        text = resources.files(__package__).joinpath("starter.yaml").read_text().replace("ENV", env)
    else:
        from atoll.platform import ansible  # noqa: PLC0415 - of no use to other commands

        try:
            made = ansible.carried(*_listed(from_ansible, env))
            text, notes = made.text, made.notes
        except SettingsError as error:
            raise SettingsError(f"{from_ansible}: {error}") from error
    files.write(path, text, _READABLE)
    for note in notes:
        words.say(note)
    words.say(f"stacks/{env}.yaml: written. Look at it: atoll inventory show {env}, then: atoll up {env}")


def _listed(path: Path, env: str) -> tuple[Any, str, dict[str, Any] | None]:
    """What Ansible lists, and what it has for each host in the end where it can be asked."""
    try:
        text = sys.stdin.read() if path == _PIPE else "" if path.is_dir() else path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError(f"{path}: found no readable file ({error}); expected one") from error
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and "_meta" in found:
            return found, env, None
    if path == _PIPE:
        raise SettingsError(
            "found no inventory of Ansible's; expected what `ansible-inventory --list --export` prints"
        )
    return _asked(path, "--export"), env, _asked(path)["_meta"]["hostvars"]


def _asked(path: Path, *more: str) -> Any:
    """What Ansible says of an inventory.

    Raises:
        UnavailableError: there is no Ansible, or it cannot read that.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise UnavailableError(
            f"{_PROGRAM}: found none on PATH; expected it (it reads {path}), or what it prints where it is: "
            f"{_PROGRAM} -i {path} --list --export"
        )
    argv = [program, "-i", str(path.absolute()), "--list", *more]
    done = command.run(argv, env=os.environ, timeout=_LIMIT, check=False)
    if done.code:
        raise UnavailableError(str(command.failure(argv, done.code, done.stderr)))
    found = json.loads(done.stdout)
    if not found["_meta"]["hostvars"] and done.stderr.strip():
        # It takes what it cannot read for an empty inventory, and warns.
        raise SettingsError(
            f"found no inventory that Ansible reads: {' '.join(done.stderr.split())}; expected one"
        )
    return found
