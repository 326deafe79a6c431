"""The similar roles behind an answer: who lists the same skill, and needs it. Never a write.

They are those that the history features average over (``future_skills.history``), at the period of the pair's snapshot.
"""

from dataclasses import dataclass
from typing import Final

from apps.serving.facts import Facts
from future_skills import schema
from future_skills.history import SimilarRole

NEAREST: Final = 10
"""Roles shown, and counted."""

IN_NEED: Final = 5
"""Roles shown among those that need the skill."""


@dataclass(frozen=True, slots=True)
class SimilarRoles:
    """Roles like the one of a pair that list its skill, the most similar first.

    Attributes:
        period: of the facts; None where the pair has no snapshot, and nothing is behind its answer.
        nearest: the ``NEAREST`` most similar ones, whatever their level.
        in_need: the ``IN_NEED`` most similar of those at HIGH.
    """

    period: str | None
    nearest: tuple[SimilarRole, ...]
    in_need: tuple[SimilarRole, ...]

    @property
    def count_in_need(self) -> int:
        """How many of the nearest need the skill."""
        return sum(one.level == schema.HIGH for one in self.nearest)


def similar_roles(facts: Facts, *, role: str, skill: str, period: str | None) -> SimilarRoles:
    """The similar roles behind the answer for a pair: a millisecond, once the period's roles were compared.

    Args:
        facts: as they are now.
        role: of the pair.
        skill: of the pair.
        period: of the snapshot that its row was completed from; None where it has none.
    """
    found = [] if period is None else facts.neighbours(period).of(role, skill)
    in_need = [one for one in found if one.level == schema.HIGH]
    return SimilarRoles(period, tuple(found[:NEAREST]), tuple(in_need[:IN_NEED]))
