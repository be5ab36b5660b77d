"""What all tests share: hypothesis without a database in the tree, and no login of the person who runs them."""

import pytest
from hypothesis import settings

settings.register_profile("atoll", database=None, deadline=None, max_examples=50)
settings.load_profile("atoll")


@pytest.fixture(autouse=True)
def _nobodys_login(monkeypatch):
    for name in ("KUBECONFIG", "AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "ATOLL_ENVIRONMENT", "PULUMI_STACK"):
        monkeypatch.delenv(name, raising=False)
