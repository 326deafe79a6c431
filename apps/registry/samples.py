"""Reads of validation samples: which one counts, what waits for whom, and what people said once it is complete.

What a reviewer may see goes through ``tasks`` alone: facts and the person's own answers, never a prediction, a stratum, a
weight or what somebody else said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from apps.registry.models import LevelDefinitions, ModelVersion, SampleItem, SampleLabel, ValidationSample
from future_skills.errors import SampleNotFoundError
from future_skills.files import sha256_of_bytes
from future_skills.level_definitions import Definitions, default_definitions, parse_definitions
from future_skills.policy import canonical_json

_REVIEWERS = Count("labels__reviewer", distinct=True)


# --- Definitions of the levels ------------------------------------------------------------------------------------------
def active_definitions() -> Definitions:
    """What the levels mean to a sample drawn now: the newest row, else the repository's file. One query."""
    newest = LevelDefinitions.objects.first()
    return default_definitions() if newest is None else parse_definitions(newest.content)


# --- Samples ------------------------------------------------------------------------------------------------------------
def newest_sample(version: ModelVersion) -> ValidationSample | None:
    """The sample that counts, or None where none was drawn."""
    return version.samples.order_by("-id").first()


def require_sample(version: ModelVersion) -> ValidationSample:
    """The sample that counts.

    Raises:
        SampleNotFoundError: none was drawn.
    """
    sample = newest_sample(version)
    if sample is None:
        raise SampleNotFoundError(version=version.name)
    return sample


def samples_drawn(version: ModelVersion) -> int:
    """How many samples were drawn for the version: drawing again until one pleases is seen here."""
    return version.samples.count()


def open_samples() -> QuerySet[ValidationSample]:
    """The samples that count and are not complete, oldest first; those of retracted versions left out."""
    newer = ValidationSample.objects.filter(version=OuterRef("version"), pk__gt=OuterRef("pk"))
    return (
        ValidationSample.objects.filter(~Exists(newer), completed_at__isnull=True, version__retraction__isnull=True)
        .select_related("version")
        .defer("version__manifest", "drawn")
        .order_by("id")
    )


def samples_waiting_for(reviewer: str) -> QuerySet[ValidationSample]:
    """The open samples that have a row for a reviewer. One query."""
    rows = _needing(SampleItem.objects.filter(sample=OuterRef("pk")), reviewer)
    own = Q(version__registered_by=reviewer) | Q(version__manifest__author=reviewer)
    return open_samples().filter(Exists(rows)).exclude(own)


def _needing(items: QuerySet[SampleItem], reviewer: str) -> QuerySet[SampleItem]:
    """The items that need an opinion, and have none of this reviewer's."""
    own = SampleLabel.objects.filter(item=OuterRef("pk"), reviewer=reviewer)
    return items.filter(~Exists(own)).annotate(reviewers=_REVIEWERS).filter(reviewers__lt=F("labels_needed"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sample is.

    Attributes:
        given: opinions given, of those that are needed.
        needed: how many that is: one for each row, two for some.
        reviewers: who labelled, and how many rows each.
    """

    given: int
    needed: int
    reviewers: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether nobody has anything left to say."""
        return self.given == self.needed


def progress_of(sample: ValidationSample) -> Progress:
    """How far a sample is. Two queries."""
    counts = list(sample.items.annotate(reviewers=_REVIEWERS).values_list("labels_needed", "reviewers"))
    people = (
        SampleLabel.objects.filter(item__sample=sample)
        .values_list("reviewer")
        .annotate(rows=Count("item", distinct=True))
        .order_by("reviewer")
    )
    return Progress(
        given=sum(min(needed, given) for needed, given in counts),
        needed=sum(needed for needed, _ in counts),
        reviewers=dict(people),
    )


# --- What one reviewer has to do ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Step:
    """A row on one reviewer's way.

    Attributes:
        item: its key.
        position: its place in the sample, from 1.
        done: whether this reviewer said something of it.
    """

    item: int
    position: int
    done: bool


def steps(sample: ValidationSample, reviewer: str) -> list[Step]:
    """The rows that a reviewer labelled or has to label, in the order this reviewer takes them. Two queries.

    Each reviewer begins at another place of the sample, so that two who work at the same time share it.
    """
    labelled = SampleLabel.objects.filter(item__sample=sample, reviewer=reviewer)
    done = dict(labelled.order_by().values_list("item_id", "item__position").distinct())
    wanted = dict(_needing(sample.items.order_by(), reviewer).values_list("pk", "position"))
    start = int(sha256_of_bytes(f"{sample.pk}\x1f{reviewer}".encode()), 16) % sample.size
    return [
        Step(item, position, item in done)
        for item, position in sorted((done | wanted).items(), key=lambda one: (one[1] - 1 - start) % sample.size)
    ]


@dataclass(frozen=True, slots=True)
class Task:
    """A row as one reviewer sees it.

    Attributes:
        position: its place in the sample, from 1.
        role: job role.
        skill: skill.
        period: period of the facts; "" where they have none.
        facts: see ``future_skills.sample_facts.pair_facts``.
        level: what this reviewer said of it, or None.
        comment: likewise, or "".
    """

    position: int
    role: str
    skill: str
    period: str
    facts: Mapping[str, Any]
    level: str | None
    comment: str


def tasks(items: QuerySet[SampleItem], reviewer: str) -> list[Task]:
    """Some rows of a sample as a reviewer sees them, in the order of the sample. Two queries.

    Args:
        items: rows of one sample.
        reviewer: who looks; "" for nobody, whose own answers are none.
    """
    rows = list(items.order_by("position").only("position", "role", "skill", "period", "facts"))
    labels = SampleLabel.objects.filter(item__in=[row.pk for row in rows], reviewer=reviewer).order_by("id")
    own = {label.item_id: label for label in labels}
    return [
        Task(
            position=row.position,
            role=row.role,
            skill=row.skill,
            period=row.period,
            facts=row.facts,
            level=own[row.pk].level if row.pk in own else None,
            comment=own[row.pk].comment if row.pk in own else "",
        )
        for row in rows
    ]


# --- What everybody said ------------------------------------------------------------------------------------------------
def result_of(sample: ValidationSample, *, confidence: float) -> dict[str, Any]:
    """What the labels of a complete sample say: ``future_skills.agreement.sample_result``, and the seal of every label.

    The same labels give the same result: computed again with the ``confidence`` it has, it is the one that was stored.
    """
    from future_skills.agreement import LabelledItem, Opinion, sample_result  # noqa: PLC0415 — loads scikit-learn

    newest: dict[int, dict[str, SampleLabel]] = {}
    for label in SampleLabel.objects.filter(item__sample=sample).order_by("id"):
        newest.setdefault(label.item_id, {})[label.reviewer] = label
    items = [
        LabelledItem(
            position=item.position,
            origin=item.origin,
            role=item.role,
            skill=item.skill,
            period=item.period,
            predicted=item.predicted,
            weight=item.weight,
            opinions=tuple(
                Opinion(reviewer, label.level, label.comment)
                for reviewer, label in sorted(newest.get(item.pk, {}).items())
            ),
        )
        for item in sample.items.order_by("position").defer("facts")
    ]
    said = [[item.position, one.reviewer, one.level, one.comment] for item in items for one in item.opinions]
    return {
        **sample_result(items, confidence=confidence),
        "labels_sha256": sha256_of_bytes(canonical_json(said).encode()),
    }


def result_sha256(result: Mapping[str, Any]) -> str:
    """Sha256 (hexadecimal) of a result's canonical JSON."""
    return sha256_of_bytes(canonical_json(result).encode())
