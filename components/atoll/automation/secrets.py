"""The `atoll secrets` commands: their words, and how they answer."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atoll.automation import completion, words
from atoll.automation.show import Screen
from atoll.automation.words import AsJson, EnvironmentName
from atoll.core.errors import ArgsError, Exit

if TYPE_CHECKING:
    from atoll.automation.envelopes import Desk

PIPE = "-"
app = typer.Typer(help="Sealed secrets and their keys.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is sealed for. It is no secret.")]
Source = Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for the pipe.")]
Out = Annotated[
    str, typer.Option("--out", metavar="FILE", help="Write a file, for its owner alone, whole or not at all.")
]
Key = Annotated[
    str, typer.Option("--key", metavar="KEY", help="Alias or ARN of another key than the environment's own.")
]


@app.command()
def seal(  # noqa: PLR0913 - the words of a command
    env: EnvironmentName,
    name: Name,
    source: Source = PIPE,
    *,
    out: Out = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Seal a value or a file for one name in one environment.

    Without --out: one line of text for an inventory, of a value of at most 1 MiB. With it: a file, of any size; - is
    the pipe. The value comes from a file or the pipe, never from an argument; a terminal asks for it. The message is
    the AWS Encryption SDK's own, under a data key of the environment's KMS key.
    """
    desk = _desk(env, key, quiet=as_json)
    report = desk.seal_file(name, source, _target("seal", out, as_json)) if out else desk.seal(name, source)
    if not out and not as_json:
        words.say(report["text"])
    words.finish(report if as_json else None, Exit.DONE)


@app.command("open")
def open_(  # noqa: PLR0913 - as above
    env: EnvironmentName,
    name: Name,
    source: Source,
    *,
    out: Out = PIPE,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Open what was sealed for this name in this environment, text or file.

    Through the pipe every byte is verified, but of a message of more than 1 MiB that was cut off this is known only
    at its end: heed the exit code, or use --out. Exit code 3: it is another message, or was changed.
    """
    report = _desk(env, key, quiet=as_json).open(name, source, _target("open", out, as_json))
    words.finish(report if as_json else None, Exit.DONE)


@app.command()
def rewrap(
    env: EnvironmentName,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sealed files.")],
    *,
    old: Annotated[
        str, typer.Option("--from", metavar="KEY", help="Alias or ARN of the key that opens them now.")
    ] = "",
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Seal files anew under the key of today; each keeps its name and form.

    A file is opened and sealed in memory, piece by piece: its value touches no disk. Each is replaced whole, so that
    a command that was interrupted is run again.
    """
    reports = [*_desk(env, key, quiet=as_json).rewrap(paths, old)]
    words.finish(reports if as_json else None, Exit.DONE)


@app.command()
def rekey(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Encrypt the state's secrets anew, by a new data key.

    Older copies of the state keep theirs, which the same KMS key opens.
    """
    from atoll.automation import upkeep  # noqa: PLC0415 - what it loads, most commands do not need

    report = upkeep.rekey(words.environment(env), Screen(quiet=as_json))
    words.finish(asdict(report) if as_json else None, Exit.DONE)


@app.command("rotate-at-rest")
def rotate_at_rest(
    env: EnvironmentName,
    clusters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CLUSTER...",
            help="Clusters of this machine, or control-plane; all unless given.",
            autocompletion=completion.clusters_and_plane,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give the stores of the local clusters a new key, and encrypt anew what lies in them.

    Each cluster goes on answering. What was interrupted is completed by the same command. Exit code 4: a cluster does
    not answer; the others are done, and the same command completes that one later.
    """
    from atoll.automation import at_rest  # noqa: PLC0415 - as above

    report = at_rest.rotate(words.environment(env), clusters or [], Screen(quiet=as_json))
    words.finish(report.values() if as_json else None, report.code)


@app.command()
def rotate(
    env: EnvironmentName,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[KEY]", help="One of `keys` in the inventory; else the environment's own key."
        ),
    ] = "",
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish a rotation that was begun, and begin none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let another key take over from a key of the environment, and move to it all that the old one sealed.

    Values in the inventory's files are sealed anew in their places, the data keys of its SOPS files are wrapped anew, the
    state follows (of the environment's own key by a new data key), and Secrets stay as they are. Everything opens at every
    moment, and `up` works. Killed anywhere, the same command goes on; after its end it makes one key more. No key is
    deleted: the report names those of before, and what still needs them.
    """
    from atoll.automation import rotating  # noqa: PLC0415 - as above

    report = rotating.rotate(words.environment(env), name, Screen(quiet=as_json), resume=resume)
    if report is None and not as_json:
        words.say("nothing to finish: no rotation of this key was begun")
    words.finish((report.values() if report else {}) if as_json else None, Exit.DONE)


@app.command()
def check(env: EnvironmentName, *, as_json: AsJson = False) -> None:
    """Prove that every secret of the state opens, and that none lies in plain.

    Keys, logins and all that the state encrypts are searched for, as they are and in base64, in the environment's
    files and processes and in the stack's file. Exit code 3: one lies somewhere, and where.
    """
    from atoll.automation import upkeep  # noqa: PLC0415 - as above

    report = upkeep.check(words.environment(env), Screen(quiet=as_json))
    words.finish(asdict(report) if as_json else None, report.code)


def _target(what: str, out: str, as_json: bool) -> Path | None:  # noqa: FBT001 - as the commands have it
    """The file to write, or None for the pipe."""
    if as_json and out == PIPE:
        raise ArgsError(
            f"{what}: found --json and a value for the pipe; expected one of them. Add: --out FILE"
        )
    return None if out == PIPE else Path(out)


def _desk(env: str, key: str, *, quiet: bool) -> "Desk":
    from atoll.automation.envelopes import Desk  # noqa: PLC0415 - boto3 loads for half a second, and most commands need none

    return Desk(words.environment(env), Screen(quiet=quiet, to_stderr=True), key)
