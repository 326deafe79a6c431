"""What a version says of pairs, kept: whoever asks again about a pair, as the facts have it, is told the same at once.

Half of what an answer takes is the model and the completion of its row. Neither depends on who asks or when: as long as the
version and the facts are the same objects, so is the answer. Rows that give values of their own are computed each time.
"""

from collections.abc import Sequence
from typing import Final

from apps.serving.answers import Said
from apps.serving.facts import PAIR, Facts, Row
from future_skills import schema
from future_skills.abstention import Abstention
from future_skills.prediction import Predictor

MOST_KEPT: Final = 5_000
"""Pairs kept by a process, 8 KB each with history features; with one more, it begins anew."""


class Sayings:
    """What one version says, by one state of the facts. Threads share it.

    Args:
        predictor: the version.
        abstention: which of its answers should not be relied upon.
        facts: what rows are completed from.
    """

    def __init__(self, predictor: Predictor, abstention: Abstention, facts: Facts) -> None:
        self.predictor, self.abstention, self.facts = predictor, abstention, facts
        self._kept: dict[tuple[str, str], Said] = {}

    def of(self, rows: Sequence[Row]) -> list[Said]:
        """What it says of rows, in order.

        Raises:
            ArtifactError, InvalidRowsError, UnknownPairError: see ``Facts.complete``.
        """
        pairs = list(map(_bare_pair, rows))
        kept = [self._kept.get(pair) for pair in pairs if pair is not None]
        found = [one for one in kept if one is not None]
        if len(found) == len(rows):
            return found
        found = self._computed(rows)
        new = {pair: said for pair, said in zip(pairs, found, strict=True) if pair is not None}
        if len(self._kept) + len(new) > MOST_KEPT:
            self._kept = {}
        if len(new) <= MOST_KEPT:
            self._kept |= new
        return found

    def _computed(self, rows: Sequence[Row]) -> list[Said]:
        columns = self.predictor.columns
        completed = self.facts.complete(rows, columns=columns)
        warnings = completed.warnings
        found = []
        for place, ((role, skill), period, inputs, prediction) in enumerate(
            zip(
                completed.pairs,
                completed.periods,
                completed.inputs(columns),
                self.predictor.predict(completed.values),
                strict=True,
            )
        ):
            said = prediction.warned(warnings[place]) if place in warnings else prediction
            abstained = self.abstention.abstains({schema.ROLE: role, schema.SKILL: skill}, said)
            found.append(
                Said(role=role, skill=skill, period=period, inputs=inputs, prediction=said, abstained=abstained)
            )
        return found


class SayingsReader:
    """What the version in production says, as this process keeps it."""

    def __init__(self) -> None:
        self._now: Sayings | None = None

    def now(self, predictor: Predictor, abstention: Abstention, facts: Facts) -> Sayings:
        """What is kept of that version by these facts; nothing as soon as either is another one."""
        now = self._now
        if now is None or now.predictor is not predictor or now.facts is not facts:
            now = self._now = Sayings(predictor, abstention, facts)
        return now


SAYINGS: Final = SayingsReader()
"""What the version in production says, as this process keeps it."""


def _bare_pair(row: Row) -> tuple[str, str] | None:
    """The pair of a row that gives nothing else; None for any other row."""
    if len(row) != len(PAIR):
        return None
    role, skill = row.get(schema.ROLE), row.get(schema.SKILL)
    return (role.strip(), skill.strip()) if isinstance(role, str) and isinstance(skill, str) else None
