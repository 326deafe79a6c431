"""The cast of the rooms' tests, and how they run a command."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.actors import Actor


@pytest.fixture
def analyst() -> Actor:
    """A data scientist at a terminal."""
    return Actor("nadia", "declared")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a management command as a person does: exit code, stdout, stderr."""

    def run_it(*words: str) -> tuple[int, str, str]:
        code, refusal = 0, ""
        try:
            call_command(*words)
        except CommandError as error:
            code, refusal = error.returncode, str(error)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err + refusal

    return run_it
