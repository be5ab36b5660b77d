"""What all tests share: hypothesis without a database in the tree, and no login of the person who runs them."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("atoll", database=None, deadline=None, max_examples=50)
settings.load_profile("atoll")

_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_WATCHERS = 512
"""Each of two workers may have three environments up, which take some 22 inotify instances each; most systems grant 128."""
_granted = pytest.StashKey[str]()


def pytest_configure(config):
    if hasattr(config, "workerinput") or not os.access(_INSTANCES, os.W_OK):
        return
    granted = _INSTANCES.read_text()
    if int(granted) < _WATCHERS:
        config.stash[_granted] = granted
        _INSTANCES.write_text(f"{_WATCHERS}\n")


def pytest_unconfigure(config):
    if granted := config.stash.get(_granted, None):
        _INSTANCES.write_text(granted)


def pytest_report_header():
    if _INSTANCES.exists() and (granted := int(_INSTANCES.read_text())) < _WATCHERS:
        return f"fs.inotify.max_user_instances: {granted}; at times {_WATCHERS // 3} are needed (see README)"
    return None


@pytest.fixture(autouse=True)
def _nobodys_login(monkeypatch):
    for name in ("KUBECONFIG", "AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "ATOLL_ENVIRONMENT", "PULUMI_STACK"):
        monkeypatch.delenv(name, raising=False)
