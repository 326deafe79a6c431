"""What pages say of decisions of people on predictions; so that templates only lay out."""

from dataclasses import dataclass
from typing import Final, Self

from django.urls import reverse

from apps.serving.overrides.models import PredictionOverride
from apps.serving.overrides.selectors import overrides_of_pair

SHOWN: Final = 20
"""Decisions on a pair that its pages list."""


@dataclass(frozen=True, slots=True)
class DecidedPart:
    """The part of a prediction's page about what people decided of its pair.

    Attributes:
        now: the decision that counts; None where there is none.
        history: every decision on the pair, newest first, ``SHOWN`` at most.
        address: of the page where one is taken.
    """

    now: PredictionOverride | None
    history: list[PredictionOverride]
    address: str

    @classmethod
    def of(cls, role: str, skill: str, seen: str) -> Self:
        """Of a pair.

        Args:
            role: exact name.
            skill: exact name.
            seen: what the page shows, as parameters of the address where it is decided upon.
        """
        history = list(overrides_of_pair(role, skill)[:SHOWN])
        now = history[0] if history and history[0].level and not history[0].expired else None
        return cls(now, history, f"{reverse('serving:override')}?{seen}")
