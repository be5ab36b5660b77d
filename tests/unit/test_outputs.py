"""What a run exports where something is not known, since it was left out or could not be made."""

import asyncio

import pulumi
import pytest

from atoll.platform import outputs


async def _value(value):
    return value


def _output(value, *, known=True, secret=False):
    return pulumi.Output(set(), _value(value), _value(known), _value(secret))


async def _told(value):
    """A value as the SDK writes it: what is secret is a tuple of its own."""
    if isinstance(value, pulumi.Output):
        assert await value.is_known()
        inner = await _told(await value.future())
        return ("secret", inner) if await value.is_secret() else inner
    return {name: await _told(each) for name, each in value.items()} if isinstance(value, dict) else value


def _exported(declare):
    async def run():
        return {name: await _told(value) for name, value in outputs.known(declare()).items()}

    return asyncio.run(run())


def test_what_is_not_known_is_left_out_whole_and_all_else_stays_as_it_is():
    def declare():
        reef, motu = (
            {"endpoint": _output("https://reef"), "kind": "local"},
            {"endpoint": _output("https://m")},
        )
        motu["identifier"] = _output(None, known=False)
        return {
            "clusters": {"reef": reef, "motu": motu},
            "keys": {},
            "controlPlane": {"endpoint": _output("https://plane", secret=True), "identifier": _output("u")},
            "controlPlaneAccess": _output("kubeconfig", secret=True),
        }

    assert _exported(declare) == {
        "clusters": {"reef": {"endpoint": "https://reef", "kind": "local"}},
        "keys": {},
        "controlPlane": {"endpoint": ("secret", "https://plane"), "identifier": "u"},
        "controlPlaneAccess": ("secret", "kubeconfig"),
    }


def test_what_there_is_one_of_is_null_where_it_is_not_known():
    def declare():
        return {
            "controlPlane": {"endpoint": "https://plane", "identifier": _output(None, known=False)},
            "controlPlaneAccess": _output(None, known=False, secret=True),
        }

    assert _exported(declare) == {"controlPlane": None, "controlPlaneAccess": None}


def test_a_preview_shows_what_is_not_known_yet(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)

    assert outputs.known({"controlPlaneAccess": "unknown"}) == {"controlPlaneAccess": "unknown"}
