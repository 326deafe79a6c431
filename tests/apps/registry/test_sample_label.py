"""Reviewers say how much a skill is needed, blind; the result comes with the last answer."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry.documents import SampleDocument, TaskDocument
from apps.registry.models import ModelVersion, SampleItem, SampleLabel, ValidationSample
from apps.registry.samples import progress_of, result_of, result_sha256, samples_waiting_for, steps, tasks
from apps.registry.services.samples import Given, draw_sample, label_item, label_items
from future_skills.errors import OwnWorkError, ProofRequiredError, SampleClosedError, SampleNotFoundError, UsageError
from future_skills.errors import PermissionDeniedError as Denied
from tests.apps.registry.promotion import CAMILLE, CLAIRE, DOMINIQUE, DRISS, NADIA, hire, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(registered: list[ModelVersion], person: Callable[..., Any]) -> ValidationSample:
    """Twenty rows of v1, five of which need two people."""
    hire(person)
    return draw_sample(actor=DOMINIQUE, version="v1", size=20)


def as_predicted(items: Iterable[SampleItem], **others: Any) -> list[Given]:
    """The model's own level for each row; ``p3="LOW"`` says something else of row 3."""
    return [Given(item.position, others.get(f"p{item.position}", item.predicted)) for item in items]


def label(reviewer: Actor, items: Iterable[SampleItem], **others: Any) -> ValidationSample:
    return label_items(actor=reviewer, version="v1", answers=as_predicted(items, **others)).sample


# --- One answer ---------------------------------------------------------------------------------------------------------
def test_an_answer_is_kept_with_its_reviewer_and_its_comment(sample: ValidationSample) -> None:
    label_item(actor=CLAIRE, version="v1", position=3, level="MEDIUM", comment=" À revoir. ")
    kept = SampleLabel.objects.get()
    assert (kept.item.position, kept.reviewer, kept.level, kept.comment) == (3, "claire", "MEDIUM", "À revoir.")
    assert progress_of(sample).given == 1
    assert progress_of(sample).reviewers == {"claire": 1}


def test_of_several_answers_the_newest_counts_and_the_same_one_twice_is_one(sample: ValidationSample) -> None:
    label_item(actor=CLAIRE, version="v1", position=1, level="LOW")
    assert label_item(actor=CLAIRE, version="v1", position=1, level="LOW").unchanged == 1
    assert SampleLabel.objects.count() == 1
    label_item(actor=CLAIRE, version="v1", position=1, level="UNKNOWN", comment="Trop récent.")
    (task,) = tasks(sample.items.filter(position=1), "claire")
    assert (task.level, task.comment) == ("UNKNOWN", "Trop récent.")
    assert SampleLabel.objects.count() == 2
    assert progress_of(sample).given == 1


def test_one_reviewer_is_never_two(sample: ValidationSample) -> None:
    twice = sample.items.filter(labels_needed=2)
    assert label(CLAIRE, sample.items.all()).completed_at is None
    assert label(CLAIRE, twice, **{f"p{item.position}": "UNKNOWN" for item in twice}).completed_at is None
    progress = progress_of(sample)
    assert (progress.given, progress.needed) == (20, 25)
    assert label(DRISS, twice).completed_at is not None


def test_a_row_that_is_not_there_or_comes_twice_is_refused_with_all_the_others(sample: ValidationSample) -> None:
    for answers in ([Given(1, "LOW"), Given(21, "LOW")], [Given(1, "LOW"), Given(1, "HIGH")], [Given(0, "LOW")]):
        with pytest.raises(UsageError):
            label_items(actor=CLAIRE, version="v1", answers=answers)
    with pytest.raises(UsageError):
        label_item(actor=CLAIRE, version="v1", position=1, level="LOW", comment="x" * 10_001)
    assert not SampleLabel.objects.exists()


# --- Who ----------------------------------------------------------------------------------------------------------------
def test_labelling_is_done_in_one_s_own_name(sample: ValidationSample) -> None:
    with pytest.raises(ProofRequiredError):
        label_item(actor=Actor("claire", "declared"), version="v1", position=1, level="LOW")
    with pytest.raises(Denied):
        label_item(actor=Actor("claire", "token", frozenset({Right.READ})), version="v1", position=1, level="LOW")
    token = Actor("claire", "token", frozenset({Right.LABEL}))
    assert label_item(actor=token, version="v1", position=1, level="LOW").recorded == 1


def test_those_without_the_right_do_not_label(sample: ValidationSample) -> None:
    for somebody in (DOMINIQUE, Actor("olivier", "login"), Actor("aude", "login"), Actor("adele", "login")):
        with pytest.raises(Denied):
            label_item(actor=somebody, version="v1", position=1, level="LOW")


def test_the_author_never_labels_their_own_version(sample: ValidationSample, person: Callable[..., Any]) -> None:
    person("nadia", "data_scientist", "drh_reviewer")
    assert "nadia" in stored("v1").authors
    with pytest.raises(OwnWorkError):
        label_item(actor=NADIA, version="v1", position=1, level="LOW")
    assert not samples_waiting_for("nadia").exists()
    assert samples_waiting_for("camille").get() == sample
    assert label_item(actor=CAMILLE, version="v1", position=1, level="LOW").recorded == 1


# --- What waits for whom ------------------------------------------------------------------------------------------------
def test_a_reviewer_goes_on_where_they_left(sample: ValidationSample) -> None:
    way = steps(sample, "claire")
    assert sorted(step.position for step in way) == list(range(1, 21))
    assert way[0].position != steps(sample, "driss")[0].position  # two who begin at once do not do the same rows
    label_item(actor=CLAIRE, version="v1", position=way[0].position, level="LOW")
    again = steps(sample, "claire")
    assert [step.position for step in again] == [step.position for step in way]
    assert [step.done for step in again] == [True, *[False] * 19]


def test_a_second_reviewer_has_the_rows_that_need_two_and_those_nobody_did(sample: ValidationSample) -> None:
    label(CLAIRE, sample.items.filter(position__lte=15))
    waiting = {step.position for step in steps(sample, "driss")}
    twice = set(sample.items.filter(labels_needed=2).values_list("position", flat=True))
    assert waiting == twice | {16, 17, 18, 19, 20}


def test_a_sample_waits_for_a_reviewer_until_nothing_in_it_does(sample: ValidationSample) -> None:
    assert samples_waiting_for("claire").get() == sample
    label(CLAIRE, sample.items.all())
    assert not samples_waiting_for("claire").exists()
    assert samples_waiting_for("driss").get() == sample
    newer = draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)
    assert samples_waiting_for("claire").get() == newer


# --- Complete -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def complete(sample: ValidationSample) -> ValidationSample:
    """Claire disagrees on one row; Driss, second reviewer, does not know another one that Claire knows."""
    twice = list(sample.items.filter(labels_needed=2))
    once = sample.items.filter(labels_needed=1).first()
    assert once is not None
    other = "LOW" if once.predicted == "HIGH" else "HIGH"
    label(DRISS, twice, **{f"p{twice[0].position}": "UNKNOWN"})
    label_item(actor=CLAIRE, version="v1", position=once.position, level=other, comment="Le métier change.")
    done = label(CLAIRE, sample.items.exclude(pk=once.pk))
    assert done.completed_at is not None
    return done


def test_the_result_comes_with_the_last_answer(complete: ValidationSample) -> None:
    result = ValidationSample.objects.get().result
    assert result is not None
    assert (result["size"], result["labelled"], result["unknown"]) == (20, 20, 0)
    (disagreement,) = result["disagreements"]
    assert disagreement["labels"][0]["comment"] == "Le métier change."
    wrong = complete.items.get(position=disagreement["position"])
    assert result["agreement"]["estimate"] == pytest.approx(1 - wrong.weight, abs=1e-6)
    assert result["agreement"]["low"] < result["agreement"]["estimate"] < result["agreement"]["high"]
    assert result["reviewers"]["pairs"] == 4
    assert result["reviewers"]["agreement"] == 1.0
    assert result["confidence"] == 0.9


def test_the_result_has_a_hash_in_the_row_and_in_the_audit_log_and_can_be_computed_again(
    complete: ValidationSample,
) -> None:
    kept = ValidationSample.objects.get()
    assert kept.result is not None
    assert result_sha256(kept.result) == kept.result_sha256
    assert result_of(kept, confidence=kept.result["confidence"]) == kept.result
    event = AuditEvent.objects.filter(action="registry.complete_sample").get()
    assert event.details["result_sha256"] == kept.result_sha256
    assert event.details["labels_sha256"] == kept.result["labels_sha256"]
    assert verify_chain() > 0


def test_a_label_changed_behind_the_product_s_back_does_not_give_the_kept_result(complete: ValidationSample) -> None:
    label_row = SampleLabel.objects.first()
    assert label_row is not None
    SampleLabel.objects.filter(pk=label_row.pk).update(comment="Autre chose.")
    kept = ValidationSample.objects.get()
    assert kept.result is not None
    assert result_of(kept, confidence=0.9) != kept.result


def test_a_complete_sample_is_closed(complete: ValidationSample) -> None:
    with pytest.raises(SampleClosedError):
        label_item(actor=CLAIRE, version="v1", position=1, level="LOW")
    assert not samples_waiting_for("driss").exists()


def test_an_older_sample_is_closed_by_a_newer_one(sample: ValidationSample) -> None:
    draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)
    with pytest.raises(SampleClosedError):
        label_item(actor=CLAIRE, version="v1", position=1, level="LOW", sample=sample.pk)
    assert label_item(actor=CLAIRE, version="v1", position=1, level="LOW").recorded == 1


def test_without_a_sample_there_is_nothing_to_label(sample: ValidationSample) -> None:
    with pytest.raises(SampleNotFoundError):
        label_item(actor=CLAIRE, version="v2", position=1, level="LOW")


# --- Blind --------------------------------------------------------------------------------------------------------------
def test_until_it_is_complete_neither_predictions_nor_answers_are_in_what_people_read(sample: ValidationSample) -> None:
    """Marks that could come from a prediction or an answer alone are nowhere: documents, tasks, audit log."""
    SampleItem.objects.update(stratum="SECRETSTRATUM", predicted="MEDIUM", probabilities={"MARK": 0.123456789})
    ValidationSample.objects.update(drawn=sample.drawn | {"strata": ["SECRETSTRATUM"]})
    label_item(actor=DRISS, version="v1", position=1, level="UNKNOWN", comment="SECRETCOMMENT")
    fresh = ValidationSample.objects.get()
    document = json.dumps(SampleDocument.of(fresh).to_dict())
    shown = json.dumps([TaskDocument.of(task, fresh).to_dict() for task in tasks(fresh.items.all(), "claire")])
    audit = json.dumps([event.details for event in AuditEvent.objects.filter(action__contains="label")])
    for text in (document, shown, audit):
        for secret in ("SECRET", "0.123456789", "MARK", "UNKNOWN", "weight", "stratum", "predicted", "labels_needed"):
            assert secret not in text
    assert '"level": null' in shown
    assert json.loads(audit) == [{"sample": fresh.pk, "rows": [1]}]
