import pytest

from e2e import checkout as checkouts


@pytest.fixture(scope="session")
def checkout():
    """A copy of the checkout; whatever a failed test leaves up is taken down at the end."""
    with checkouts.made() as made:
        yield made
        for name in ("test", "test-1", "test-2"):
            made.atoll("down", name, "--force", code=None)


@pytest.fixture(scope="session")
def up(checkout):
    """The environment `test`, brought up once: (checkout, report of the first run)."""
    return checkout, checkout.report("up", "test")
