"""Where a version stands is derived from the rows, in as many queries for a page as for one version."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.registry.models import ModelVersion
from apps.registry.services.approvals import approve, reject
from apps.registry.services.deployments import deploy_version, roll_back
from apps.registry.services.gate import evaluate_gate
from apps.registry.services.samples import Given, draw_sample, label_items
from apps.registry.services.versions import register_version, retract_version
from apps.registry.standing import stages_of, standing_of
from future_skills.gates import Verdict
from future_skills.lifecycle import Stage
from tests.apps.registry.promotion import (
    CLAIRE,
    DATA,
    DOMINIQUE,
    DRH,
    EASY,
    HARD,
    NADIA,
    OLIVIER,
    approved,
    deployed,
    drawn_and_labelled,
    gate_passed,
    put_in_force,
    stored,
    twin,
)


def stage(version: str) -> Stage:
    return standing_of(stored(version)).stage


def test_a_version_goes_through_its_stages(office: Path) -> None:
    seen = [stage("v1")]
    drawn_and_labelled("v1")
    seen.append(stage("v1"))
    evaluate_gate(actor=DOMINIQUE, version="v1")
    seen.append(stage("v1"))
    reject(actor=CLAIRE, version="v1", team=DRH, comment="À revoir.")
    seen.append(stage("v1"))
    approve(actor=CLAIRE, version="v1", team=DRH)
    approve(actor=DOMINIQUE, version="v1", team=DATA)
    seen.append(stage("v1"))
    deploy_version(actor=OLIVIER, version="v1")
    seen.append(stage("v1"))
    deployed("v3")
    seen.append(stage("v1"))
    retract_version(actor=NADIA, version="v1", reason="Erreur.")
    seen.append(stage("v1"))
    assert seen == [
        Stage.CANDIDATE,
        Stage.CANDIDATE,
        Stage.GATE_PASSED,
        Stage.REJECTED,
        Stage.APPROVED,
        Stage.LIVE,
        Stage.RETIRED,
        Stage.RETRACTED,
    ]


def test_what_the_evidence_refuses_is_refused_until_new_evidence_comes(office: Path, tmp_path: Path) -> None:
    put_in_force(tmp_path, HARD)
    gate_passed("v1")
    assert (stage("v1"), standing_of(stored("v1")).evidence_verdict) == (Stage.REJECTED, Verdict.REFUSED)
    draw_sample(actor=DOMINIQUE, version="v1", size=12)
    assert stage("v1") is Stage.CANDIDATE


def _another_champion(folder: Path) -> None:
    deployed("v3")


def _another_policy(folder: Path) -> None:
    put_in_force(folder, {**EASY, "override": {"longest_days": 5}})


def _another_sample(folder: Path) -> None:
    draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)


def _another_artifact(folder: Path) -> None:
    ModelVersion.objects.filter(name="v1").update(model_sha256="0" * 64)  # nothing of the product does that


@pytest.mark.parametrize("change", [_another_champion, _another_policy, _another_sample, _another_artifact])
def test_a_report_is_out_of_date_when_what_it_stands_on_is(
    office: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    report = gate_passed("v1").report
    change(tmp_path)
    standing = standing_of(stored("v1"))
    assert (standing.report, standing.outdated) == (None, report)
    assert [check.key for check in standing.failing(people=False)] == ["report"]


def test_the_last_label_of_the_sample_makes_the_report_out_of_date(office: Path) -> None:
    sample = draw_sample(actor=DOMINIQUE, version="v1", size=12)
    items = list(sample.items.all())
    report = evaluate_gate(actor=DOMINIQUE, version="v1").report
    for item in items[:-1]:
        label_items(actor=CLAIRE, version="v1", answers=[Given(item.position, item.predicted)])  # type: ignore[arg-type]
        assert standing_of(stored("v1")).report == report
    label_items(actor=CLAIRE, version="v1", answers=[Given(items[-1].position, "UNKNOWN")])
    assert standing_of(stored("v1")).report is None


def test_a_report_stays_the_present_one_while_nothing_changes(office: Path) -> None:
    first = gate_passed("v1")
    again = evaluate_gate(actor=NADIA, version="v1")
    assert (again.report, again.outdated) == (first.report, None)
    deployed("v3")
    assert standing_of(stored("v1")).report is None
    deployed("v1")
    roll_back(actor=OLIVIER, reason="Retour.")  # v3 is the champion again, as it was when v1 was judged
    standing = standing_of(stored("v1"))
    assert standing.report is not None
    assert (standing.report.champion, set(standing.decisions)) == (stored("v3"), {"data", "drh"})


def test_the_live_version_is_judged_against_the_one_before_it(office: Path) -> None:
    first = deployed("v1")
    assert standing_of(stored("v1")).report == first.report
    second = deployed("v3")
    assert standing_of(stored("v3")).report == second.report
    assert second.report is not None
    assert second.report.champion == stored("v1")


def test_a_hundred_versions_cost_as_many_queries_as_two(office: Path) -> None:
    deployed("v1")
    approved("v3")

    def queries(keys: list[int]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert len(stages_of(keys)) == len(keys)
        return len(captured)

    few = queries([stored("v1").pk, stored("v3").pk])
    for number in range(4, 24):
        register_version(actor=NADIA, path=twin(office, "v1", f"v{number}"))
    assert queries(list(ModelVersion.objects.values_list("pk", flat=True))) == few
    assert stages_of([]) == {}


def test_a_page_and_one_version_agree(office: Path) -> None:
    deployed("v1")
    approved("v3")
    evaluate_gate(actor=DOMINIQUE, version="v2")
    reject(actor=CLAIRE, version="v2", team=DRH, comment="À revoir.")
    keys = {name: stored(name).pk for name in ("v1", "v2", "v3")}
    together = stages_of(keys.values())
    assert together == {key: stage(name) for name, key in keys.items()}
    assert together == dict(zip(keys.values(), (Stage.LIVE, Stage.REJECTED, Stage.APPROVED), strict=True))
