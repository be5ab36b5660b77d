"""The commands that take an environment out of a machine and bring it to one: `atoll backup`, `atoll restore`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atoll.automation import words
from atoll.automation.show import Screen
from atoll.automation.words import AsJson, EnvironmentName
from atoll.core.errors import ArgsError, Exit

if TYPE_CHECKING:
    from atoll.automation.age import Passphrase

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", metavar="FILE", help="A file with the passphrase; else it is asked for."
    ),
]


def backup(  # noqa: PLR0913 - the arguments are the command's
    env: EnvironmentName,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    *,
    recipients: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient", metavar="KEY", help="A public key of age (age1...); more than one may be given."
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file where it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write all that an environment is into one encrypted file.

    State, keys, certificates, logins and the data of its local clusters, as they are at one moment: for less than a
    second their stores stand still. What lives elsewhere is not in it. It is a file of age: whoever has the identity
    or the passphrase has the environment.
    """
    from atoll.automation import age, backup  # noqa: PLC0415 - what they load, most commands do not need

    if recipients and passphrase_file:
        raise ArgsError("backup: found --recipient and --passphrase-file; expected one of them.")
    lock = (
        age.Recipients(tuple(recipients))
        if recipients
        else _passphrase(passphrase_file, "--recipient", twice=True)
    )
    report = backup.backup(words.environment(env), out, lock, Screen(quiet=as_json), force=force)
    words.finish(report.values() if as_json else None, Exit.DONE)


def restore(  # noqa: PLR0913 - the arguments are the command's
    env: EnvironmentName,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `atoll backup` wrote.")],
    *,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="FILE", help="A file with an identity of age.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take down the one that is here, once the file is proven.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring an environment to this machine, as its backup has it.

    The file is proven whole before anything is touched; `atoll up` starts what it holds. Exit
    code 3: it is damaged, or this key does not open it.
    """
    from atoll.automation import age, restore  # noqa: PLC0415 - as above

    if identity and passphrase_file:
        raise ArgsError("restore: found --identity and --passphrase-file; expected one of them.")
    key = age.Identities(identity) if identity else _passphrase(passphrase_file, "--identity", twice=False)
    report = restore.restore(words.environment(env), source, key, Screen(quiet=as_json), over=replace)
    words.finish(report.values() if as_json else None, Exit.DONE)


def _passphrase(path: Path | None, other: str, *, twice: bool) -> "Passphrase":
    """From a file or a terminal: never from an argument, which every user can read."""
    from atoll.automation import age  # noqa: PLC0415 - as above

    if path:
        return age.passphrase(path)
    if not sys.stdin.isatty():
        raise ArgsError(
            f"passphrase: found no terminal to ask at; expected one, or a file. Use --passphrase-file or {other}"
        )
    return age.Passphrase(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))
