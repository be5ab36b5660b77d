"""The options that choose a part of an environment: where they are refused, and what the engine is told."""

import os

import pytest
from typer.testing import CliRunner

from atoll.automation.command_line import app
from atoll.automation.engine import Engine
from atoll.core.errors import ArgsError, Exit
from harness.processes import bare

_LIMIT = "up: found --limit north and"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.setenv("ATOLL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "up dev --limit north --plan p.atoll",
            f"{_LIMIT} --plan; expected one of them (a plan is done whole)",
        ),
        (
            "up dev --limit north --forget reef",
            f"{_LIMIT} --forget; expected one of them (a member is forgotten by all)",
        ),
        (
            "up dev -t shop,keys --skip-tags edge --plan p.atoll",
            "up: found --tags shop,keys --skip-tags edge and --plan; expected one of them (a plan is done whole)",
        ),
        (
            "plan dev --out p.atoll --limit north",
            "plan: found --limit north; expected the whole environment (a plan is done whole)",
        ),
    ],
    ids=["plan", "forget", "tags", "make-a-plan"],
)
def test_what_is_of_everything_takes_no_choice(line, told):
    ended = CliRunner().invoke(app, line.split()).exception

    assert isinstance(ended, ArgsError)
    assert str(ended) == told
    assert ended.exit_code is Exit.SETTINGS


def test_a_command_that_refuses_them_does_not_offer_them():
    assert "--limit" not in CliRunner().invoke(app, ["plan", "--help"]).output
    assert "--limit" in CliRunner().invoke(app, ["up", "--help"]).output


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The engine, and what its program was told last."""
    environment = bare(tmp_path, monkeypatch)
    program, words = environment.bin / "pulumi", tmp_path / "words"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {words}\n')
    program.chmod(0o700)
    return Engine(environment, {"PATH": os.defpath}), lambda: words.read_text() if words.exists() else ""


@pytest.mark.parametrize("operation", ["up", "preview", "refresh", "drift", "destroy", "preview_destroy"])
def test_the_engine_is_told_what_it_may_touch(told, operation):
    engine, words = told

    getattr(engine, operation)(print)
    assert "--target" not in words()
    getattr(engine.within(["urn:a", "urn:b"]), operation)(print)
    assert "--target urn:a --target urn:b " in words()


def test_what_is_protected_and_left_out_stays_protected(told):
    engine, words = told

    engine.within(["urn:a"]).unprotect(["urn:b"], print)
    assert not words()
    engine.within(["urn:a"]).unprotect(["urn:a", "urn:b"], print)
    assert words() == "state unprotect --yes urn:a --non-interactive "
