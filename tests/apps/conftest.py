"""The cast of the rooms' tests."""

import pytest

from apps.accounts.actors import Actor


@pytest.fixture
def analyst() -> Actor:
    """A data scientist at a terminal."""
    return Actor("nadia", "declared")
