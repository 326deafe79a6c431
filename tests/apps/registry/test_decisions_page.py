"""What waits for a person: on its page, and counted in the header of every page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.rights import ROLES
from apps.registry.models import (
    ApprovalWithdrawal,
    GateOverride,
    GatePolicyChoice,
    ModelVersion,
    Retraction,
    SampleItem,
    WorksCouncilRecord,
)
from apps.registry.policies import active_policy
from apps.registry.standing import standing_of
from apps.registry.waiting import Waiting, waiting_for
from future_skills.policy import policy_sha256
from tests.apps.registry import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ModelVersion:
    """v2, which camille registered."""
    return make.version("v2", history=True)


def waiting(role: str, name: str) -> Waiting:
    found = waiting_for(name, ROLES[role])
    assert found is not None
    return found


def decisions(role: str, name: str) -> dict[str, list[str]]:
    """Team -> versions that wait for somebody's decision."""
    return {team: [one.version.name for one in reports] for team, reports in waiting(role, name).decisions.items()}


def ready() -> list[str]:
    return [one.version.name for one in waiting("operator", "olivier").deployments]


def english(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def sample(version: ModelVersion, *, labels_needed: int = 1) -> None:
    """An open sample of one row."""
    drawn = version.samples.create(
        model_sha256=version.model_sha256,
        size=1,
        seed=1,
        drawn={},
        definitions={},
        created_at=make.BASE_TIME,
        created_by="dominique",
    )
    SampleItem.objects.create(
        sample=drawn,
        position=1,
        origin="test",
        role="Chargé de recrutement",
        skill="Droit du travail",
        period="2024-02",
        facts={},
        stratum="LOW",
        weight=1.0,
        predicted="LOW",
        labels_needed=labels_needed,
    )


# --- Decisions ----------------------------------------------------------------------------------------------------------
def test_a_version_waits_for_both_teams_once_its_evidence_is_good_enough(version: ModelVersion) -> None:
    assert decisions("drh_reviewer", "claire") == {"drh": []}
    make.report(version)
    assert decisions("drh_reviewer", "claire") == {"drh": ["v2"]}
    assert decisions("data_scientist", "dominique") == {"data": ["v2"]}
    assert ready() == []


def test_it_never_waits_for_its_author(version: ModelVersion) -> None:
    make.report(version)
    assert decisions("data_scientist", "camille") == {"data": []}


@pytest.mark.parametrize("verdicts", [{"written": "refused"}, {"written": "waiting"}, {"second": "inconclusive"}])
def test_it_does_not_wait_while_the_evidence_is_not_good_enough(
    version: ModelVersion, verdicts: dict[str, str]
) -> None:
    make.report(version, **verdicts)
    assert decisions("drh_reviewer", "claire") == {"drh": []}


def test_a_second_lock_that_somebody_lifted_does_not_hold_it_back_while_that_lasts(version: ModelVersion) -> None:
    report = make.report(version, second="refused")
    lifted = GateOverride(report=report, reason="r", risk="r", created_at=timezone.now(), created_by="adele")
    lifted.expires_at = timezone.now() - timedelta(days=1)
    lifted.save()
    assert decisions("drh_reviewer", "claire") == {"drh": []}
    GateOverride.objects.create(
        report=report,
        reason="r",
        risk="r",
        created_at=timezone.now(),
        created_by="adele",
        expires_at=timezone.now() + timedelta(days=1),
    )
    assert decisions("drh_reviewer", "claire") == {"drh": ["v2"]}


def test_what_a_team_decided_waits_for_the_other_alone_until_it_is_taken_back(version: ModelVersion) -> None:
    report = make.report(version)
    given = make.approval(report, "data", "dominique")
    assert decisions("data_scientist", "dominique") == {"data": []}
    assert decisions("drh_reviewer", "claire") == {"drh": ["v2"]}
    assert decisions("drh_reviewer", "dominique") == {"drh": []}  # nobody speaks for two teams
    ApprovalWithdrawal.objects.create(approval=given, reason="r", created_at=make.BASE_TIME, created_by="dominique")
    assert decisions("data_scientist", "dominique") == {"data": ["v2"]}


def test_what_was_rejected_waits_for_nobody_until_the_team_changes_its_mind(version: ModelVersion) -> None:
    report = make.report(version)
    make.approval(report, "data", "dominique", decision="reject")
    assert decisions("drh_reviewer", "claire") == {"drh": []}
    make.approval(report, "data", "dominique")
    assert decisions("drh_reviewer", "claire") == {"drh": ["v2"]}


@pytest.mark.parametrize("change", ["retracted", "live", "champion", "policy", "sample", "newer report"])
def test_it_does_not_wait_any_more_once_its_report_is_not_the_present_one(version: ModelVersion, change: str) -> None:
    make.report(version)
    if change == "retracted":
        Retraction.objects.create(version=version, reason="r", created_at=make.BASE_TIME, created_by="camille")
    elif change == "live":
        make.deployment(version)
    elif change == "champion":
        make.deployment(make.version("v1"))
    elif change == "policy":
        content = active_policy().model_dump(mode="json")
        content["second_lock"]["draws"] = 500
        GatePolicyChoice.objects.create(
            content=content, sha256="1" * 64, reason="r", created_at=make.BASE_TIME, created_by="adele"
        )
    elif change == "sample":
        sample(version)
    else:
        make.report(version, written="refused")
    assert decisions("drh_reviewer", "claire") == {"drh": []}
    report = standing_of(version).report
    assert (report is not None) == (change in {"retracted", "live", "newer report"})


def test_the_report_of_the_live_version_is_compared_with_the_one_before(version: ModelVersion) -> None:
    make.deployment(make.version("v1"), days=30)
    make.report(version)
    make.deployment(version, days=31)
    assert standing_of(version).report is not None
    make.deployment(make.version("v3"), days=32)
    assert standing_of(version).report is None


# --- Samples and production ---------------------------------------------------------------------------------------------
def test_an_open_sample_waits_for_reviewers_but_never_for_the_author(version: ModelVersion) -> None:
    sample(version)
    assert waiting("drh_reviewer", "claire").count() == 1
    assert waiting("drh_reviewer", "camille").count() == 0
    assert waiting("operator", "olivier").count() == 0


def test_a_version_that_both_teams_approved_waits_for_an_operator_until_it_goes(version: ModelVersion) -> None:
    make.approved(version)
    assert ready() == ["v2"]
    make.deployment(version, days=40)
    assert ready() == []
    make.deployment(make.version("v1"), days=41, kind="rollback")
    assert ready() == []


def test_where_the_policy_waits_for_the_works_council_so_does_production(version: ModelVersion) -> None:
    policy = active_policy()
    strict = policy.model_copy(
        update={"works_council": policy.works_council.model_copy(update={"blocks": True, "minimum": "consulted"})}
    )
    GatePolicyChoice.objects.create(
        content=strict.model_dump(mode="json"),
        sha256=policy_sha256(strict),
        reason="r",
        created_at=make.BASE_TIME,
        created_by="adele",
    )
    make.approved(version)

    def record(state: str, of: ModelVersion | None) -> None:
        WorksCouncilRecord.objects.create(
            version=of, state=state, held_on=make.BASE_TIME, reason="r", created_at=make.BASE_TIME, created_by="claire"
        )

    assert ready() == []
    record("opinion_given", None)
    record("informed", version)
    assert ready() == []
    record("not_required", version)
    assert ready() == ["v2"]
    assert standing_of(version).may_be_deployed


# --- The page and the header --------------------------------------------------------------------------------------------
def test_the_page_lists_what_waits_and_the_header_counts_it(
    version: ModelVersion, login: Callable[..., Client]
) -> None:
    make.report(version)
    sample(make.version("v3"))
    client = english(login("drh_reviewer", username="claire"))
    text = client.get("/decisions/").content.decode()
    assert text.count("2 decisions wait for you") == 2  # the answer, and the header
    assert 'href="/versions/v2/gate/#decide"' in text
    assert "/versions/v3/sample/" in text
    make.approved(make.version("v4"))
    operator = english(login("operator"))
    text = operator.get("/decisions/").content.decode()
    assert "1 decision waits for you" in text
    assert 'href="/versions/v4/deploy/"' in text
    assert "1 decision waits for you" in operator.get("/versions/").content.decode()


def test_where_nothing_waits_it_says_what_would(login: Callable[..., Client]) -> None:
    client = english(login("drh_reviewer", "operator", "data_scientist"))
    text = client.get("/decisions/").content.decode()
    assert "Nothing waits for you." in text
    assert text.count("Nothing. A") == 4


def test_who_decides_nothing_is_told_so_and_has_no_count(login: Callable[..., Client]) -> None:
    client = english(login("auditor"))
    text = client.get("/decisions/").content.decode()
    assert "Your roles decide nothing here" in text
    assert 'id="waiting"' not in text


def test_more_than_fifty_are_counted_and_the_oldest_shown(login: Callable[..., Client]) -> None:
    make.many_versions(60)
    for found in ModelVersion.objects.all():
        make.report(found)
    text = english(login("drh_reviewer", username="claire")).get("/decisions/").content.decode()
    assert "60 decisions wait for you. The oldest of each kind are shown." in text
    assert text.count("and decide</a>") == 50


@pytest.mark.parametrize(
    ("role", "queries"),
    [("auditor", 0), ("administrator", 0), ("data_scientist", 3), ("drh_reviewer", 4), ("operator", 4)],
)
def test_the_count_costs_a_few_queries_whatever_waits(
    version: ModelVersion, role: str, queries: int, django_assert_num_queries
) -> None:
    def count() -> int:
        found = waiting_for("claire", ROLES[role])
        return found.count() if found else 0

    with django_assert_num_queries(queries):
        count()
    make.many_versions(120, first=3)
    for found in ModelVersion.objects.all():
        make.report(found)
        sample(found)
    with django_assert_num_queries(queries):
        count()
