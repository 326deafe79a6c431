"""The page of a gate: what it says, who is offered what, and what becomes of a form."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from apps.registry.models import (
    Approval,
    ApprovalWithdrawal,
    GateOverride,
    GatePolicyChoice,
    GateReport,
    ModelVersion,
    Retraction,
    WorksCouncilRecord,
)
from apps.registry.standing import standing_of
from future_skills.gates import Verdict, evidence_sha256
from future_skills.policy import default_policy
from tests.apps.registry import factories as make
from tests.apps.registry.promotion import drawn_and_labelled

pytestmark = pytest.mark.django_db

GATE = "/versions/v2/gate/"


@pytest.fixture
def version() -> ModelVersion:
    """v2, which camille registered."""
    return make.version("v2", history=True)


@pytest.fixture
def visit(login: Callable[..., Client]) -> Callable[..., Client]:
    """``visit("drh_reviewer", "claire")``: the English browser of somebody."""

    def of(role: str, username: str = "") -> Client:
        client = login(role, username=username)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return client

    return of


def page(client: Client, address: str = GATE, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def buttons(text: str) -> list[str]:
    """What can be pressed on the page itself, links that look like buttons included."""
    main = text[text.index("<main") :]
    found = re.findall(r"<button type=\"submit\"[^>]*>([^<]+)</button>|<a role=\"button\"[^>]*>([^<]+)</a>", main)
    return [button or link for button, link in found]


def plain(text: str) -> str:
    """The page without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


# --- What it says -------------------------------------------------------------------------------------------------------
def test_before_any_evaluation_it_says_what_is_missing(version: ModelVersion, visit: Callable[..., Client]) -> None:
    text = plain(page(visit("auditor")))
    assert "… WAITING v2 still waits for: Up-to-date report, Approval: the Data team, Approval: the DRH." in text
    assert "candidate" in text


def test_the_criteria_are_a_checklist_with_verdict_figures_and_reason(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    report = make.report(version, second="inconclusive")
    text = page(visit("auditor"))
    assert '<span class="verdict inconclusive">? INCONCLUSIVE</span>' in text
    assert '<span class="verdict promotable">✓ PROMOTABLE</span>' in text
    words = plain(text)
    assert "The written rule 4 of 4 are met" in words
    assert "Precision of High When the version says High, it is right 73 times out of 100 (2,500 rows)." in words
    assert "Observed −0.4 pt (−1.5 pt to +0.5 pt) Required &gt; −2.0 pt" in words
    assert "93 chances out of 100 that v2 is at least as good as “same as today”" in words
    assert "serve to decide for the first time" in words
    assert f"Report {report.sha256[:12]}…" in words
    assert "made by camille on 3 April 2026 at 11:05. The author of the version is camille." in words
    assert text.count('class="chart strip"') == 2


def test_it_is_french_where_the_reader_is(version: ModelVersion, visit: Callable[..., Client]) -> None:
    make.report(version, written="refused")
    client = visit("auditor")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    text = page(client)
    assert '<span class="verdict refused">✕ REFUSÉ</span>' in text
    assert "v2 n’est pas promouvable" in text
    assert "La règle écrite" in text


@pytest.mark.parametrize("change", ["the version it is compared with", "the gate policy", "the validation sample"])
def test_a_report_that_no_longer_counts_says_what_has_changed(
    version: ModelVersion, visit: Callable[..., Client], change: str
) -> None:
    old = make.approved(version)
    if change == "the version it is compared with":
        make.deployment(make.version("v1"))
    elif change == "the gate policy":
        content = default_policy().model_dump(mode="json")
        content["second_lock"]["draws"] = 500
        GatePolicyChoice.objects.create(
            content=content, sha256="1" * 64, reason="Essai.", created_at=timezone.now(), created_by="adele"
        )
    else:
        version.samples.create(
            model_sha256=version.model_sha256,
            size=12,
            seed=1,
            drawn={},
            definitions={},
            created_at=timezone.now(),
            created_by="camille",
        )
    text = page(visit("auditor"))
    assert f"no longer counts, nor what was decided on it: {change} changed since." in plain(text)
    assert f"/versions/v2/reports/{old.sha256}/" in text
    kept = plain(page(visit("auditor"), f"/versions/v2/reports/{old.sha256}/"))
    assert "This report is kept as it was made; it no longer counts." in kept
    assert "Vu en comité." in kept


def test_a_version_in_production_shows_what_it_was_put_there_on(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    report = make.approved(version)
    make.deployment(version)
    make.deployment(make.version("v3"), days=33)
    make.deployment(version, days=34, kind="rollback", reason="Retour.")
    words = plain(page(visit("operator")))
    assert "v2 is in production. This is what it was put there on." in words
    assert "no longer counts" not in words
    assert "The written rule 4 of 4 are met" in words
    assert f"Report {report.sha256[:12]}…" in words
    assert "What people decide 2 of 2 are met" in words
    assert buttons(page(visit("operator"))) == []


def test_a_report_can_be_downloaded_with_the_hash_that_approvals_bind_to(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    report = make.report(version)
    response = visit("auditor").get(f"/versions/v2/reports/{report.sha256}.json")
    assert f"gate_report_v2_{report.sha256[:12]}.json" in response.headers["Content-Disposition"]
    document = json.loads(response.content)
    assert evidence_sha256(document["content"]) == document["sha256"] == report.sha256
    assert page(visit("auditor"), "/versions/v2/reports/unknown/", 404)
    assert page(visit("auditor"), f"/versions/v1/reports/{report.sha256}.json", 404)


def test_a_retracted_version_has_no_gate_any_more(version: ModelVersion, visit: Callable[..., Client]) -> None:
    make.approved(version)
    Retraction.objects.create(version=version, reason="fuite", created_at=make.BASE_TIME, created_by="camille")
    text = page(visit("operator"))
    assert "v2 was retracted: it is never promoted any more." in plain(text)
    assert buttons(text) == []


def test_the_page_costs_as_many_queries_with_ten_thousand_versions(
    version: ModelVersion, visit: Callable[..., Client], django_assert_num_queries
) -> None:
    make.approved(version)
    client = visit("drh_reviewer", "claire")
    page(client)
    with django_assert_num_queries(23) as few:
        page(client)
    make.many_versions(300, first=3)
    for found in ModelVersion.objects.filter(name__in=[f"v{number}" for number in range(3, 60)]):
        make.approval(make.report(found), "data", "dominique")
    with django_assert_num_queries(len(few)):
        page(client)


# --- Buttons only for who may press them --------------------------------------------------------------------------------
EVALUATE = "Evaluate v2"
APPROVE_DATA, REJECT_DATA = "Approve v2 for the Data team", "Reject v2 for the Data team"
APPROVE_DRH, REJECT_DRH = "Approve v2 for the DRH", "Reject v2 for the DRH"
LIFT, DEPLOY = "Lift the second lock of v2", "Put v2 into production…"


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("auditor", []),
        ("data_scientist", [EVALUATE]),
        ("drh_reviewer", []),
        ("operator", []),
        ("administrator", []),
    ],
)
def test_a_version_without_a_report_is_offered_to_who_evaluates(
    version: ModelVersion, visit: Callable[..., Client], role: str, expected: list[str]
) -> None:
    assert buttons(page(visit(role))) == expected


@pytest.mark.parametrize(
    ("role", "name", "expected"),
    [
        ("auditor", "aude", []),
        ("data_scientist", "dominique", ["Decide for the Data team", APPROVE_DATA, REJECT_DATA]),
        ("data_scientist", "camille", []),  # the author
        ("drh_reviewer", "claire", ["Decide for the DRH", APPROVE_DRH, REJECT_DRH]),
        ("operator", "olivier", []),
        ("administrator", "adele", []),
    ],
)
def test_evidence_that_is_good_enough_is_offered_to_the_teams_and_never_to_the_author(
    version: ModelVersion, visit: Callable[..., Client], role: str, name: str, expected: list[str]
) -> None:
    make.report(version)
    text = page(visit(role, name))
    assert buttons(text) == expected
    assert ("nobody judges their own work" in text) == (name == "camille")


def test_what_is_not_good_enough_can_only_be_rejected(version: ModelVersion, visit: Callable[..., Client]) -> None:
    make.report(version, second="inconclusive")
    text = page(visit("drh_reviewer", "claire"))
    assert buttons(text) == [REJECT_DRH]
    assert "There is nothing to approve yet: the criteria above come first." in text


def test_who_spoke_for_one_team_is_not_asked_to_speak_for_the_other(
    version: ModelVersion, login: Callable[..., Client]
) -> None:
    make.approval(make.report(version), "data", "dominique")
    client = login("data_scientist", "drh_reviewer", username="dominique")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    text = page(client)
    assert APPROVE_DRH not in buttons(text)
    assert "approved v2 already, in the name of the other team." in text
    assert "Take my approval back" in buttons(text)


def test_only_an_operator_is_offered_production_and_only_once_all_is_met(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    make.report(version)
    assert DEPLOY not in buttons(page(visit("operator")))
    make.approval(version.reports.get(), "data", "dominique")
    make.approval(version.reports.get(), "drh", "claire")
    assert buttons(page(visit("operator"))) == [DEPLOY]
    assert DEPLOY not in buttons(page(visit("data_scientist", "dominique")))


def test_only_an_administrator_who_is_not_the_author_may_lift_the_second_lock(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    make.report(version, second="refused")
    assert buttons(page(visit("administrator", "adele"))) == ["Lift the second lock", LIFT]
    assert buttons(page(visit("administrator", "camille"))) == []
    GateReport.objects.all().delete()
    make.report(version, written="refused", second="refused")
    assert buttons(page(visit("administrator", "adele"))) == []


# --- Forms --------------------------------------------------------------------------------------------------------------
def test_a_reviewer_approves_with_a_comment(version: ModelVersion, visit: Callable[..., Client]) -> None:
    report, client = make.report(version), visit("drh_reviewer", "claire")
    posted = {"team": "drh", "report": report.sha256, "comment": "Vu avec la direction des métiers."}
    response = client.post(f"{GATE}approve/", posted)
    assert response.headers["Location"] == GATE
    text = plain(page(client))
    assert "You approved v2." in text
    assert "✓ approved by claire" in text
    assert "Vu avec la direction des métiers." in text
    assert Approval.objects.get().created_by == "claire"


def test_a_rejection_without_a_reason_is_refused_in_place(version: ModelVersion, visit: Callable[..., Client]) -> None:
    report, client = make.report(version), visit("drh_reviewer", "claire")
    response = client.post(f"{GATE}reject/", {"team": "drh", "report": report.sha256, "comment": " "})
    assert response.status_code == 409
    text = response.content.decode()
    assert "A rejection needs a reason" in text
    assert 'href="#team-drh"' in text
    assert 'aria-describedby="comment-drh-error"' in text
    assert not Approval.objects.exists()
    client.post(f"{GATE}reject/", {"team": "drh", "report": report.sha256, "comment": "Des métiers manquent."})
    assert "✕ rejected by claire" in plain(page(client))
    assert standing_of(version).verdict is Verdict.REFUSED


def test_a_form_about_an_older_report_is_refused_and_keeps_what_was_typed(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    make.report(version)
    response = visit("drh_reviewer", "claire").post(
        f"{GATE}approve/", {"team": "drh", "report": "0" * 64, "comment": "<b>Bien</b> relu"}
    )
    text = response.content.decode()
    assert response.status_code == 409
    assert "is no longer the one you read" in text
    assert "&lt;b&gt;Bien&lt;/b&gt; relu</textarea>" in text


@pytest.mark.parametrize("posted", [{}, {"team": "board"}, {"team": "drh"}, {"team": "data", "report": "x"}])
def test_nonsense_in_a_form_is_said_not_suffered(
    version: ModelVersion, visit: Callable[..., Client], posted: dict[str, str]
) -> None:
    make.report(version)
    client = visit("drh_reviewer", "claire")
    for act in ("approve", "reject", "withdraw"):
        assert client.post(f"{GATE}{act}/", posted).status_code in {403, 409}
    assert not Approval.objects.exists()


def test_one_takes_ones_own_decision_back_with_a_reason(version: ModelVersion, visit: Callable[..., Client]) -> None:
    make.approved(version)
    client = visit("drh_reviewer", "claire")
    assert "Take my approval back" in buttons(page(client))
    assert "Take my approval back" not in buttons(page(visit("drh_reviewer", "driss")))
    refused = client.post(f"{GATE}withdraw/", {"team": "drh", "reason": ""})
    assert "A withdrawal needs a reason" in refused.content.decode()
    assert '<details class="fold" open>' in refused.content.decode()
    client.post(f"{GATE}withdraw/", {"team": "drh", "reason": "Erreur de version."})
    assert ApprovalWithdrawal.objects.get().reason == "Erreur de version."
    text = plain(page(client))
    assert "taken back on" in text
    assert "Erreur de version." in text


def test_an_administrator_lifts_the_second_lock_for_a_while(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    report, client = make.report(version, second="inconclusive"), visit("administrator", "adele")
    posted = {"report": report.sha256, "reason": "Urgence.", "risk": "Moins sûre sur Élevé.", "days": "9000"}
    refused = client.post(f"{GATE}override/", posted)
    assert refused.status_code == 409
    assert "An override lasts 1 to 90 days." in refused.content.decode()
    assert "Moins sûre sur Élevé.</textarea>" in refused.content.decode()
    client.post(f"{GATE}override/", posted | {"days": "30"})
    override = GateOverride.objects.get()
    assert override.expires_at - override.created_at == timedelta(days=30)
    text = plain(page(client))
    assert "adele lifted the second lock until" in text
    assert "Moins sûre sur Élevé." in text
    assert LIFT not in buttons(page(client))


def test_the_address_of_a_form_leads_back_to_the_page(version: ModelVersion, visit: Callable[..., Client]) -> None:
    client = visit("data_scientist", "dominique")
    for act in ("evaluate", "approve", "reject", "withdraw"):
        assert client.get(f"{GATE}{act}/").headers["Location"] == GATE
    assert client.get("/versions/unknown/gate/").status_code == 404
    assert client.post("/versions/unknown/gate/evaluate/").status_code == 404


def test_a_data_scientist_evaluates_and_the_report_is_the_one_of_the_command(
    office: Path, visit: Callable[..., Client]
) -> None:
    drawn_and_labelled("v1")
    client = visit("data_scientist", "dominique")
    assert buttons(page(client, "/versions/v1/gate/")) == ["Evaluate v1"]
    response = client.post("/versions/v1/gate/evaluate/", headers={"HX-Request": "true"})
    assert response.headers["Location"] == "/versions/v1/gate/"
    text = page(client, "/versions/v1/gate/")
    assert "v1 is evaluated." in text
    assert "Evaluate v1" not in buttons(text)
    assert "v1 still waits for: Approval: the Data team, Approval: the DRH." in plain(text)


def test_an_evaluation_that_cannot_be_made_is_refused_in_place(office: Path, visit: Callable[..., Client]) -> None:
    (office / "future_skills_model_v1.pkl").write_bytes(b"spoilt")
    response = visit("data_scientist", "dominique").post("/versions/v1/gate/evaluate/")
    assert response.status_code == 409
    assert "was changed after it was written" in response.content.decode()
    assert not GateReport.objects.exists()


# --- Works council and policy -------------------------------------------------------------------------------------------
def test_the_works_council_is_recorded_for_the_system_then_for_a_version(
    version: ModelVersion, visit: Callable[..., Client]
) -> None:
    client = visit("drh_reviewer", "claire")
    assert "Nothing is recorded yet of the works council" in page(client, "/works-council/")
    assert 'value="v2"' in page(client, "/works-council/?version=v2")
    posted = {"state": "consulted", "held_on": "2026-03-03", "reason": "Réunion ordinaire.", "document": "PV 12"}
    assert client.post("/works-council/", posted).headers["Location"] == "/works-council/"
    client.post("/works-council/", posted | {"version": "v2", "state": "informed"})
    text = plain(page(client, "/works-council/"))
    assert "Of the system as a whole: consulted, on 3 March 2026." in text
    assert "PV 12" in text
    assert "Informed (3 March 2026)" in plain(page(client))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": ""}, "Say what was done"),
        ({"held_on": "hier"}, "“hier” is no day"),
        ({"held_on": "2999-01-01"}, "is in the future"),
        ({"reason": " "}, "Say in words what was decided"),
        ({"version": "v9"}, "There is no version v9"),
    ],
)
def test_a_record_that_is_refused_keeps_what_was_typed(
    version: ModelVersion, visit: Callable[..., Client], change: dict[str, str], words: str
) -> None:
    posted = {"state": "informed", "held_on": "2026-03-03", "reason": "Dit.", "document": "PV 12", "version": "v2"}
    response = visit("drh_reviewer", "claire").post("/works-council/", posted | change)
    assert response.status_code == 409
    assert words in response.content.decode()
    assert 'value="PV 12"' in response.content.decode()
    assert not WorksCouncilRecord.objects.exists()


def test_only_who_consults_has_the_form(visit: Callable[..., Client]) -> None:
    assert "Record what was done" in page(visit("administrator"), "/works-council/")
    assert "Record what was done" not in page(visit("operator"), "/works-council/")
    assert visit("operator").post("/works-council/").status_code == 403


def test_the_policy_in_force_is_shown_number_by_number(visit: Callable[..., Client]) -> None:
    text = plain(page(visit("auditor"), "/policy/"))
    assert "The policy in force is the one that comes with the product" in text
    for words in ("&gt; 0.02", "≥ 60%", "2.0 pt", "0.5 pt", "≥ 30", "12 months", "90 days at most", "2,000"):
        assert words in text.replace("\u00a0", " "), words
    GatePolicyChoice.objects.create(
        content=default_policy().model_dump(mode="json"),
        sha256="1" * 64,
        reason="Décision du comité.",
        created_at=make.BASE_TIME,
        created_by="adele",
    )
    assert "was put there by adele on 4 March 2026 at 10:05: Décision du comité." in plain(
        page(visit("auditor"), "/policy/")
    )
