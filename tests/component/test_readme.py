"""What README says is so: its commands exist, its tables are the code's, its snippet runs."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from atoll.automation.command_line import app
from atoll.core.errors import Exit
from atoll.platform.declaration import Cluster, Declaration, Declared, Group
from atoll.testing import recording

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text()
_ARCHITECTURE = (_ROOT / "ARCHITECTURE.md").read_text()
_COMMANDS: Any = typer.main.get_command(app)
_WIDTH = "100"


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", _README, re.DOTALL | re.MULTILINE)


def _shell_lines():
    return [line.split("#")[0].strip() for block in _blocks("sh") for line in block.splitlines()]


def _atoll_calls():
    inline = re.findall(r"`([^`\n]*\batoll [^`\n]*)`", _README)
    return [
        words.split()
        for text in (*_shell_lines(), *inline)
        for words in re.findall(r"(?:^|[ (/])atoll ((?:[a-z][\w-]*|--[a-z-]+)(?: [\w-]+)*)", text)
    ]


def test_readme_opens_with_the_two_commands():
    assert _blocks("sh")[0].splitlines()[0].startswith("make up ")
    assert _blocks("sh")[0].splitlines()[1].startswith("make test ")


def test_every_make_target_that_readme_names_exists():
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(
        re.findall(r"\bmake ([a-z]+)\b(?=`|\s+#|$)", "\n".join([*_shell_lines(), _README]), re.MULTILINE)
    )

    assert {"up", "test", "down", "check", "bench"} <= named
    assert named <= targets


@pytest.mark.parametrize("call", _atoll_calls(), ids=" ".join)
def test_every_atoll_command_that_readme_names_exists(call):
    command = _COMMANDS if call[0].startswith("--") else _COMMANDS.commands[call[0]]
    if command is not _COMMANDS and hasattr(command, "commands") and len(call) > 1:
        command = command.commands[call[1]]
    options = {name for parameter in command.params for name in parameter.opts}

    assert {word for word in call if word.startswith("--")} <= options


def test_the_help_that_readme_shows_is_the_commands_own():
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": _WIDTH, "TERM": "dumb"}).output
    listed = said[said.index("Commands:") :].strip()

    assert listed in _README


def test_the_exit_codes_are_those_of_the_code():
    told = {int(code) for code in re.findall(r"^\| (\d+) \| ", _README, re.MULTILINE)}

    assert told == {int(code) for code in Exit}


def _keys(model: type[Declared]):
    return {field.alias for field in model.model_fields.values()}


def test_the_keys_of_the_inventory_are_those_of_its_models():
    rows = dict(re.findall(r"^\| `([a-zA-Z]+)(?:\.<name>)?` \| (.*) \|$", _README, re.MULTILINE))

    assert set(rows) == _keys(Declaration)
    assert set(re.findall(r"`(\w+)`", rows["groups"])) == _keys(Group)
    assert _keys(Cluster) - _keys(Group) <= set(re.findall(r"\b(\w+)\b", rows["clusters"]))


def test_the_library_snippets_run_one_after_the_other():
    snippets = "\n".join(_blocks("python"))

    found = recording.record(lambda: exec(snippets, {}), "dev")  # noqa: S102 - it is our own README

    assert {each.name for each in found.of_type("atoll:index:Release")} == {"shop"}
    assert {each.name for each in found.of_type("atoll:index:Member")} == {"lagoon"}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/.-]+(?:/|\.py|\.toml))`", _ARCHITECTURE))))
def test_what_architecture_points_at_is_there(name):
    assert any(
        (folder / name).exists() for folder in (_ROOT, _ROOT / "components" / "atoll", _ROOT / "components")
    )
