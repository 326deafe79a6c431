"""Verbs on validation samples: draw, label, define the levels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.models import LevelDefinitions, ModelVersion, SampleItem, SampleLabel, ValidationSample
from apps.registry.policies import active_policy
from apps.registry.samples import active_definitions, progress_of, require_sample, result_of, result_sha256
from apps.registry.selectors import find_version
from apps.registry.services.page import render_after_commit
from apps.registry.standing import standing_of
from apps.registry.words import optional_words
from future_skills import schema
from future_skills.errors import SampleClosedError, UsageError, translatable
from future_skills.level_definitions import Definitions
from future_skills.lifecycle import Act, require_allowed, require_not_author
from future_skills.sampling import Draw, draw, require_drawable

Answer = Literal["LOW", "MEDIUM", "HIGH", "UNKNOWN"]

SIZE, SEED = 60, 1
"""What is drawn unless something else is asked for."""


# --- Drawn --------------------------------------------------------------------------------------------------------------
@verb(Right.EVALUATE)
def draw_sample(*, actor: Actor, version: str, size: int = SIZE, seed: int = SEED) -> ValidationSample:
    """Draw the rows that people will label blind: half from the test rows, half from the latest snapshot.

    A sample that was drawn before, complete or not, counts no more; how many were drawn is shown with every result.

    Args:
        actor: who draws.
        version: its name.
        size: how many rows, 12 to 2 000.
        seed: of the draw: the same one gives the same rows from the same facts.

    Raises:
        VersionNotFoundError: no such version.
        NotAllowedError: it was retracted.
        UsageError: a size or a seed out of range.
        ArtifactError: its files cannot be trusted, or not opened.
        NotReproducibleError: its dataset was not kept.
    """
    require_drawable(size=size, seed=seed)
    row = find_version(version)
    require_allowed(Act.DRAW_SAMPLE, standing_of(row).stage, version=version)
    from apps.registry.populations import populations_of  # noqa: PLC0415 — loads scikit-learn

    populations = populations_of(row)
    drawn = draw(
        populations.predictions,
        size=size,
        seed=seed,
        second_reviewer_share=active_policy().sample.second_reviewer_share,
    )
    facts = populations.facts_of(drawn.items)
    with turn():
        definitions = active_definitions()
        sample = ValidationSample.objects.create(
            version=row,
            model_sha256=row.model_sha256,
            size=len(drawn.items),
            seed=seed,
            drawn={
                "asked": size,
                "periods": populations.periods,
                "missing": populations.missing,
                "horizon_months": _horizon(row),
                "dataset_sha256": row.words.dataset.sha256,
                "definitions_sha256": definitions.sha256,
                "strata": [asdict(stratum) for stratum in drawn.strata],
            },
            definitions=definitions.model_dump(),
            created_at=timezone.now(),
            created_by=actor.name,
        )
        SampleItem.objects.bulk_create(_items(sample, drawn, facts))
        record(
            actor=actor,
            action="registry.draw_sample",
            object_type="version",
            object_id=version,
            details={
                "sample": sample.pk,
                "size": sample.size,
                "seed": seed,
                "model_sha256": row.model_sha256,
                "definitions_sha256": definitions.sha256,
                "samples_drawn": row.samples.count(),
            },
        )
        render_after_commit()
    return sample


def _horizon(version: ModelVersion) -> list[int] | None:
    """How many months later the label lies, earliest and latest; None where the dataset does not say it."""
    rule = version.dataset.card.get("labels", {}) if version.dataset else {}
    months = rule.get("horizon_months")
    return None if months is None else [months, months + (rule.get("tolerance_months") or 0)]


def _items(sample: ValidationSample, drawn: Draw, facts: Sequence[dict[str, Any]]) -> list[SampleItem]:
    return [
        SampleItem(
            sample=sample,
            position=item["position"],
            origin=item["origin"],
            role=item[schema.ROLE],
            skill=item[schema.SKILL],
            period=item[schema.PERIOD] or "",
            facts=known,
            stratum=item["stratum"],
            weight=item["weight"],
            predicted=item["predicted"],
            probabilities=_probabilities(item),
            labels_needed=item["labels_needed"],
        )
        for item, known in zip(drawn.items.to_dicts(), facts, strict=True)
    ]


def _probabilities(item: dict[str, Any]) -> dict[str, float] | None:
    if item.get("low") is None:
        return None
    return {level: item[level.lower()] for level in schema.LEVELS}


# --- Labelled -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Given:
    """What a reviewer says of one row of a sample.

    Attributes:
        position: its place in the sample, from 1.
        level: a need level, or that they do not know.
        comment: in words; may be empty.
    """

    position: int
    level: Answer
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What became of a reviewer's answers.

    Attributes:
        sample: as it is now; complete, with its result, where these were the last answers it needed.
        recorded: answers that are new, or other than before.
        unchanged: answers that were there already.
    """

    sample: ValidationSample
    recorded: int
    unchanged: int


@verb(Right.LABEL)
def label_items(*, actor: Actor, version: str, answers: Sequence[Given], sample: int | None = None) -> Labelled:
    """Say the need level of rows of a version's newest sample: all of them are kept, or none.

    Of several answers of one person, the newest counts, until the sample is complete: that is when every row has as many
    opinions of different people as it needs. The result is then written with the last answer.

    Args:
        actor: the reviewer, proved by a login or a token of their own; never the author of the version.
        version: its name.
        answers: one for each row.
        sample: key of the sample that the reviewer looked at; None: the newest one, whichever it is.

    Raises:
        PermissionDeniedError, ProofRequiredError: no right, or no proof of who acts.
        OwnWorkError: the reviewer is the author.
        SampleNotFoundError: none was drawn.
        SampleClosedError: it is complete, or a newer one was drawn.
        UsageError: a row that is not in the sample or is answered twice, or a comment that is too long.
    """
    answers = [Given(one.position, one.level, optional_words(one.comment, _COMMENT_TOO_LONG)) for one in answers]
    with turn():
        row = find_version(version)
        require_not_author(name=actor.name, authors=row.authors, version=version)
        found = _open_sample(row, sample)
        changed = _changed(found, actor.name, answers)
        if changed:
            now = timezone.now()
            SampleLabel.objects.bulk_create(
                SampleLabel(item=item, reviewer=actor.name, level=one.level, comment=one.comment, created_at=now)
                for item, one in changed
            )
            record(
                actor=actor,
                action="registry.label",
                object_type="version",
                object_id=version,
                details={"sample": found.pk, "rows": [one.position for _, one in changed]},  # never what was said
            )
            _complete(actor, row, found)
    return Labelled(found, recorded=len(changed), unchanged=len(answers) - len(changed))


@verb(Right.LABEL)
def label_item(
    *, actor: Actor, version: str, position: int, level: Answer, comment: str = "", sample: int | None = None
) -> Labelled:
    """Say the need level of one row; see ``label_items``."""
    return label_items(actor=actor, version=version, answers=[Given(position, level, comment)], sample=sample)


_COMMENT_TOO_LONG = translatable("A comment has 10 000 characters at most.")


def _open_sample(version: ModelVersion, key: int | None) -> ValidationSample:
    """The newest sample, once it can still be labelled and is the one that the reviewer looked at."""
    sample = require_sample(version)
    if key is not None and key != sample.pk:
        raise SampleClosedError(
            translatable("Another validation sample of {version} took the place of this one (no. {sample})."),
            hint=translatable("Label the new one."),
            version=version.name,
            sample=key,
        )
    if sample.completed_at is not None:
        raise SampleClosedError(version=version.name, sample=sample.pk)
    return sample


def _changed(sample: ValidationSample, reviewer: str, answers: Sequence[Given]) -> list[tuple[SampleItem, Given]]:
    """The answers that are not this reviewer's present ones, with their items."""
    positions = [one.position for one in answers]
    items = {item.position: item for item in sample.items.filter(position__in=positions).only("position")}
    wrong = [place for place in positions if place not in items or positions.count(place) > 1]
    if wrong:
        raise UsageError(
            translatable(
                "The sample has rows 1 to {size}, each answered once: row {position} is not one, or comes twice."
            ),
            size=sample.size,
            position=wrong[0],
        )
    own = SampleLabel.objects.filter(item__in=items.values(), reviewer=reviewer).order_by("id")
    said = {label.item_id: (label.level, label.comment) for label in own}
    return [
        (items[one.position], one) for one in answers if said.get(items[one.position].pk) != (one.level, one.comment)
    ]


def _complete(actor: Actor, version: ModelVersion, sample: ValidationSample) -> None:
    """Write the result, once every row has the opinions it needs."""
    if not progress_of(sample).complete:
        return
    result = result_of(sample, confidence=active_policy().sample.confidence)
    sample.completed_at, sample.result, sample.result_sha256 = timezone.now(), result, result_sha256(result)
    sample.save(update_fields=["completed_at", "result", "result_sha256"])
    record(
        actor=actor,
        action="registry.complete_sample",
        object_type="version",
        object_id=version.name,
        details={
            "sample": sample.pk,
            "result_sha256": sample.result_sha256,
            "labels_sha256": result["labels_sha256"],
            "agreement": result["agreement"],
        },
    )
    render_after_commit()


# --- Definitions --------------------------------------------------------------------------------------------------------
@verb(Right.DEFINE_LEVELS)
def set_definitions(*, actor: Actor, definitions: Definitions) -> LevelDefinitions:
    """Say what Faible, Moyen and Élevé mean from now on; samples that were drawn keep the definitions they had.

    Raises:
        UsageError: these are in force already.
    """
    with turn():
        before = active_definitions().sha256
        if definitions.sha256 == before:
            raise UsageError(translatable("These definitions are in force already."))
        written = LevelDefinitions.objects.create(
            content=definitions.model_dump(),
            sha256=definitions.sha256,
            created_at=timezone.now(),
            created_by=actor.name,
        )
        record(
            actor=actor,
            action="registry.set_definitions",
            object_type="definitions",
            object_id=definitions.sha256,
            details={"from": before, "definitions": definitions.model_dump()},
        )
    return written
