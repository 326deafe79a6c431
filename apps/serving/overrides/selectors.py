"""Reads of what people decided of predictions. Never a write."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl
from django.db.models import Max
from django.utils import timezone

from apps.audit.selectors import printable
from apps.serving.overrides.models import OverrideQuerySet, PredictionOverride
from future_skills.errors import OverrideNotFoundError
from future_skills.overrides import OVERRIDE_SCHEMA

ASK_EVERY: Final = 1.0
"""Seconds for which what the rows said is taken as it is."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What counts at a moment.

    Attributes:
        newest: key of the newest decision, whatever it is of.
        day: on which they count.
        by_pair: role and skill -> the decision.
    """

    newest: int
    day: date
    by_pair: Mapping[tuple[str, str], PredictionOverride]

    def of(self, role: str, skill: str) -> PredictionOverride | None:
        """The decision that counts for a pair."""
        return self.by_pair.get((role, skill))

    def frame(self) -> pl.DataFrame:
        """``OVERRIDE_SCHEMA``, one row per pair."""
        rows = [
            (one.role, one.skill, one.level, f"{one.until}", one.created_by, one.reason)
            for one in self.by_pair.values()
        ]
        return pl.DataFrame(rows, schema=OVERRIDE_SCHEMA, orient="row")


class OverridesReader:
    """What counts, as this process knows it: asked of the rows at most once a second, read again when they changed.

    Threads share it: the worst that two of them can do at once is to read the same rows.
    """

    def __init__(self) -> None:
        self._known: tuple[float, Overrides] | None = None

    def now(self) -> Overrides:
        """What counts now, at most ``ASK_EVERY`` seconds old."""
        known, moment = self._known, time.monotonic()
        if known is not None and moment - known[0] < ASK_EVERY:
            return known[1]
        newest, day = newest_override(), timezone.localdate()
        if known is None or (known[1].newest, known[1].day) != (newest, day):
            overrides = Overrides(
                newest, day, {(one.role, one.skill): one for one in PredictionOverride.objects.in_force(day)}
            )
        else:
            overrides = known[1]
        self._known = moment, overrides
        return overrides


OVERRIDES: Final = OverridesReader()
"""What counts, as this process knows it."""


def newest_override() -> int:
    """Key of the newest decision; 0 where there is none. Decisions take turns, so that keys are in their order."""
    newest: int | None = PredictionOverride.objects.aggregate(newest=Max("id"))["newest"]
    return newest or 0


def overrides_of_pair(role: str, skill: str) -> OverrideQuerySet:
    """Every decision on a pair, newest first."""
    return PredictionOverride.objects.filter(role=role, skill=skill).order_by("-id")


def overrides_matching(
    *, role: str = "", skill: str = "", in_force: bool = True, before: int | None = None
) -> OverrideQuerySet:
    """Decisions, newest first.

    Args:
        role: exact name; empty asks nothing, as below.
        skill: exact name.
        in_force: only what counts today.
        before: only what was decided before that decision.
    """
    found = PredictionOverride.objects.in_force(timezone.localdate()) if in_force else PredictionOverride.objects.all()
    exact = {"role": printable(role), "skill": printable(skill), "pk__lt": before}
    return found.filter(**{name: value for name, value in exact.items() if value}).order_by("-id")


def last_of_pair(role: str, skill: str) -> PredictionOverride | None:
    """The last decision on a pair, whether it counts or not."""
    return PredictionOverride.objects.newest().filter(role=role, skill=skill).first()


def find_override(key: int) -> PredictionOverride:
    """A decision.

    Raises:
        OverrideNotFoundError: there is none of that number.
    """
    found = PredictionOverride.objects.select_related("replaced_by").filter(pk=key).first()
    if found is None:
        raise OverrideNotFoundError(override=key)
    return found
