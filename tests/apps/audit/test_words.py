"""Every act that the sources record has its words."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from apps.accounts.actors import ActorSource
from apps.audit.words import ACTIONS, OBJECTS, SOURCES
from apps.registry.models import Approval, Deployment

ROOT = Path(__file__).resolve().parents[3]


def literals(argument: str) -> Iterator[str]:
    """The texts that a call, or a default, gives for an argument of that name, anywhere in the rooms."""
    for path in (ROOT / "apps").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            given: list[ast.expr] = []
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) != "add_argument"
            ):
                given = [keyword.value for keyword in node.keywords if keyword.arg == argument]
            elif isinstance(node, ast.FunctionDef):
                pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                given = [default for name, default in pairs if default and name.arg == argument]
            for value in given:
                both = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
                yield from (one.value for one in both if isinstance(one, ast.Constant) and one.value)


MADE_UP = {f"registry.{kind.value}" for kind in (*Deployment.Kind, *Approval.Decision)} | {"registry.withdraw"}
"""Acts whose code the sources put together."""


def test_every_act_has_its_words() -> None:
    recorded = set(literals("action")) | MADE_UP
    assert len(recorded) > 25
    assert sorted(recorded - ACTIONS.keys()) == [], "add a line to apps/audit/words.py"
    assert sorted(ACTIONS.keys() - recorded) == [], "nothing records this any more"


def test_every_object_has_its_name() -> None:
    assert sorted(set(literals("object_type")) - OBJECTS.keys()) == [], "add a line to apps/audit/words.py"


@pytest.mark.parametrize("source", get_args(ActorSource))
def test_every_way_of_knowing_who_acts_has_its_words(source: str) -> None:
    assert SOURCES[source]
