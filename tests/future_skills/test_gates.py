"""How verdicts combine, what a sample and a works council say, and the words people read."""

from typing import get_args

import pytest

from future_skills.gate_text import check_text, headline, verdict_text
from future_skills.gates import (
    Agreement,
    Check,
    Lock,
    SampleFacts,
    Verdict,
    approval_check,
    combined,
    failing,
    report_check,
    sample_check,
    works_council_check,
)
from future_skills.policy import default_policy

NBSP, THIN = "\u00a0", "\u202f"
POLICY = default_policy()


def check(verdict: Verdict, lock: Lock = "written") -> Check:
    return Check(key="sample", lock=lock, verdict=verdict, facts={"state": "none", "minimum_size": 50})


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        ([], Verdict.PROMOTABLE),
        ([Verdict.PROMOTABLE, Verdict.PROMOTABLE], Verdict.PROMOTABLE),
        ([Verdict.PROMOTABLE, Verdict.WAITING], Verdict.WAITING),
        ([Verdict.WAITING, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.REFUSED, Verdict.WAITING], Verdict.REFUSED),
    ],
)
def test_refused_beats_inconclusive_which_beats_waiting(verdicts: list[Verdict], together: Verdict) -> None:
    checks = [check(verdict) for verdict in verdicts]
    assert combined(checks) is together
    assert [one.verdict for one in failing(checks)][:1] == ([together] if together is not Verdict.PROMOTABLE else [])


def test_targets_block_nothing_and_a_lifted_second_lock_does_not_count() -> None:
    checks = [check(Verdict.REFUSED, "target"), check(Verdict.INCONCLUSIVE, "second"), check(Verdict.WAITING)]
    assert combined(checks) is Verdict.INCONCLUSIVE
    assert combined(checks, second_lock=False) is Verdict.WAITING
    assert [one.lock for one in failing(checks, second_lock=False)] == ["written"]


def agreement(low: float) -> Agreement:
    return Agreement(estimate=0.8, low=low, high=0.9, n_effective=40)


@pytest.mark.parametrize(
    ("sample", "verdict", "state"),
    [
        (None, Verdict.WAITING, "none"),
        (SampleFacts(sample=1, drawn=1, size=60, complete=False), Verdict.WAITING, "open"),
        (SampleFacts(sample=1, drawn=1, size=60, complete=True), Verdict.INCONCLUSIVE, "too_small"),
        (
            SampleFacts(sample=1, drawn=1, size=60, complete=True, labelled=49, agreement=agreement(0.9)),
            Verdict.INCONCLUSIVE,
            "too_small",
        ),
        (
            SampleFacts(sample=1, drawn=1, size=60, complete=True, labelled=60, agreement=agreement(0.59)),
            Verdict.INCONCLUSIVE,
            "complete",
        ),
        (
            SampleFacts(sample=1, drawn=2, size=60, complete=True, labelled=60, agreement=agreement(0.60)),
            Verdict.PROMOTABLE,
            "complete",
        ),
    ],
)
def test_a_sample_waits_or_is_inconclusive_or_agrees_enough(
    sample: SampleFacts | None, verdict: Verdict, state: str
) -> None:
    found = sample_check(sample, POLICY.sample)
    assert (found.verdict, found.facts["state"]) == (verdict, state)


def test_samples_drawn_again_show_in_the_reason() -> None:
    sample = SampleFacts(sample=4, drawn=3, size=60, complete=True, labelled=60, agreement=agreement(0.7))
    text = check_text(sample_check(sample, POLICY.sample), "fr")
    assert "3 échantillons ont été tirés" in text.reason
    assert text.observed == f"80,0{THIN}% (70,0–90,0)"


@pytest.mark.parametrize(
    ("system", "version", "verdict"),
    [
        (None, None, Verdict.WAITING),
        ("informed", None, Verdict.WAITING),
        ("informed", "informed", Verdict.PROMOTABLE),
        ("opinion_given", "informed", Verdict.PROMOTABLE),
        ("not_required", "not_required", Verdict.PROMOTABLE),
        (None, "opinion_given", Verdict.WAITING),
    ],
)
def test_the_works_council_is_informed_of_the_system_and_of_each_version(
    system: str | None, version: str | None, verdict: Verdict
) -> None:
    shown = works_council_check(POLICY.works_council, system=system, version=version)
    assert (shown.verdict, shown.lock) == (verdict, "target")
    blocking = works_council_check(
        POLICY.works_council.model_copy(update={"blocks": True}), system=system, version=version
    )
    assert (blocking.verdict, blocking.lock) == (verdict, "people")


def test_a_rejection_refuses_and_silence_waits() -> None:
    assert approval_check("data", decision=None, by=None).verdict is Verdict.WAITING
    assert approval_check("data", decision="approve", by="claire").verdict is Verdict.PROMOTABLE
    refused = approval_check("drh", decision="reject", by="claire")
    assert refused.verdict is Verdict.REFUSED
    assert check_text(refused, "fr").reason == "Rejetée par claire."
    assert check_text(refused, "en").name == "Approval: the DRH"


def test_the_headline_names_what_keeps_a_version_and_counts_the_rest() -> None:
    checks = [check(Verdict.WAITING), approval_check("drh", decision="reject", by="claire")]
    french = headline("v4", Verdict.REFUSED, failing(checks), "fr")
    assert french == (
        f"v4 n’est pas promouvable{NBSP}: 1 critère non rempli (Approbation{NBSP}: la DRH){THIN}; 1 autre en suspens."
    )
    assert headline("v4", Verdict.WAITING, failing([check(Verdict.WAITING)]), "en") == (
        "v4 still waits for: Manual validation sample."
    )
    assert verdict_text(Verdict.PROMOTABLE, "fr") == "✓ PROMOUVABLE"


def test_a_version_without_a_report_is_told_so_in_both_languages() -> None:
    assert report_check().verdict is Verdict.WAITING
    for language in ("fr", "en"):
        text = check_text(report_check(), language)  # type: ignore[arg-type]
        assert all((text.name, text.observed, text.required, text.reason))


def test_locks_are_those_of_the_report() -> None:
    assert set(get_args(Lock)) == {"written", "second", "people", "target"}
