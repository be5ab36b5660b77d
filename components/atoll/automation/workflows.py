"""The workflows by which GitHub serves environments, rendered from `.github/atoll.yaml`. Pure.

The templates lie in `github/`. Their own marks are `@{ }` and `<% %>`, since `{{ }}` is GitHub's.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import Field, StringConstraints, ValidationError

from atoll.core.errors import SettingsError
from atoll.platform.declaration import Declared
from atoll.platform.problems import shown

SETTINGS = ".github/atoll.yaml"
FOLDER = ".github/workflows"
COMMAND = "atoll ci render github"
NAMES = ("preview", "apply", "drift", "publish")
"""The workflows, each a template and a file; one that has nothing to do is not written."""
PINS = {
    "actions/cache": ("27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "actions/setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "aws-actions/configure-aws-credentials": ("e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
}
"""The commit of each action, and the tag that it was found under: a tag can be moved, a commit cannot."""
_INSTALL = ["make .venv/ready", 'echo "$PWD/.venv/bin" >> "$GITHUB_PATH"']
_ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(/|\Z)")

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
_Path = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._][A-Za-z0-9._/-]*$")]
_Line = Annotated[str, StringConstraints(pattern=r"^[^\n]+$")]
_Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.:-]*(/[a-z0-9._/-]+)?$")]


class Served(Declared):
    """An environment that the workflows serve; its state is shared, and its inventory is `stacks/NAME.yaml`."""

    region: _Name
    """Of the roles' logins."""


class Image(Declared):
    """An image that is built by Docker from a folder; `prepare` is what makes that folder whole."""

    context: _Path
    prepare: str | None = None


class Publishing(Declared):
    """What a push to main builds: everything goes below one `registry`, which is GitHub's own or an ECR."""

    registry: _Host
    images: dict[_Name, Image] = Field(default={})
    charts: list[_Path] = Field(default=[])


class Settings(Declared):
    """What `.github/atoll.yaml` may say. `install` makes `atoll` one of the programs on PATH."""

    install: list[_Line] = Field(default=_INSTALL)
    python: _Line = "3.12"
    runner: _Line = "ubuntu-24.04"
    drift: _Line = "17 3 * * *"
    environments: dict[_Name, Served] = Field(default={})
    publish: Publishing | None = None


def settings(text: str, where: str = SETTINGS) -> Settings:
    """Reads the settings.

    Raises:
        SettingsError: something does not fit; all of it is told.
    """
    try:
        found = yaml.safe_load(text) or {}
        return Settings.model_validate(found)
    except yaml.YAMLError as error:
        raise SettingsError(
            f"{where}: found no YAML; expected it ({' '.join(str(error).split())})."
        ) from error
    except ValidationError as error:
        raise SettingsError(*(_problem(where, each) for each in error.errors(include_url=False))) from error


def render(chosen: Settings) -> dict[str, str]:
    """The workflows: {file name: content}."""
    return {f"{name}.yaml": _rendered(name, chosen) for name in NAMES if _is_of_use(name, chosen)}


def _is_of_use(name: str, chosen: Settings) -> bool:
    if name == "publish":
        return bool(chosen.publish and (chosen.publish.images or chosen.publish.charts))
    return bool(chosen.environments)


def _rendered(name: str, chosen: Settings) -> str:
    import jinja2  # noqa: PLC0415 - of no use to other commands

    folder = resources.files("atoll.automation") / "github"
    engine = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda each: (folder / each).read_text()),
        # What it renders is no page: there is nothing to escape.
        autoescape=False,  # noqa: S701 - the same
        undefined=jinja2.StrictUndefined,
        variable_start_string="@{",
        variable_end_string="}",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    body = engine.get_template(f"{name}.yaml.jinja").render(**_words(chosen))
    return f"# Written by `{COMMAND}` from {SETTINGS}; do not edit it.\n{body}"


def _words(chosen: Settings) -> Mapping[str, Any]:
    registry = chosen.publish.registry if chosen.publish else ""
    found = _ECR.match(registry)
    return {
        "settings": chosen,
        "host": registry.partition("/")[0],
        "ecr": found["region"] if found else None,
        "pins": {name: f"{name}@{commit} # {tag}" for name, (commit, tag) in PINS.items()},
    }


def _problem(where: str, error: Any) -> str:
    path = ".".join(str(step) for step in error["loc"] if step != "[key]")
    place = f"{where}: {path}" if path else where
    if error["type"] == "extra_forbidden":
        return f"{place}: found an unknown key; expected one of those that README names"
    told = error["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return f"{place}: found {shown(error['input'])}; expected {told}"
