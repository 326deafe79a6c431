"""The page of production, and the confirmations before each switch."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from apps.registry.live import live_deployment, open_suspension
from apps.registry.models import Deployment, Suspension
from apps.registry.services.deployments import deploy_version
from tests.apps.registry import factories as make
from tests.apps.registry.promotion import ODILE, approved, deployed

pytestmark = pytest.mark.django_db

PRODUCTION = "/production/"


@pytest.fixture
def visit(login: Callable[..., Client]) -> Callable[..., Client]:
    """``visit("operator", "olivier")``: the English browser of somebody."""

    def of(role: str, username: str = "") -> Client:
        client = login(role, username=username)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return client

    return of


@pytest.fixture
def history() -> None:
    """v1, then v2 pinned by the settings, suspended for a day, then back to v1; one a day from the 5th of April on."""
    first, second = make.version("v1"), make.version("v2", history=True)
    make.deployment(first, days=32, reason="Démarrage.")
    make.deployment(second, days=33, kind="pin")
    start = make.BASE_TIME + timedelta(days=33, hours=6)
    Suspension.objects.create(
        reason="Salaires en double",
        started_at=start,
        started_by="olivier",
        open=False,
        ended_at=start + timedelta(hours=6),
        ended_by="odile",
    )
    make.deployment(first, days=34, kind="rollback", reason="La DRH conteste.")


def page(client: Client, address: str = PRODUCTION, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def plain(text: str) -> str:
    """The page without its tags, ordinary spaces only."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def buttons(text: str) -> list[str]:
    main = text[text.index("<main") :]
    found = re.findall(r"<button type=\"submit\"[^>]*>([^<]+)</button>|<a role=\"button\"[^>]*>([^<]+)</a>", main)
    return [button or link for button, link in found]


def seen(text: str) -> str:
    """The deployment that a form carries."""
    return re.findall(r'name="seen" value="(\d+)"', text)[0]


# --- What is live, what was ---------------------------------------------------------------------------------------------
def test_before_anything_is_deployed_it_says_how(visit: Callable[..., Client]) -> None:
    text = page(visit("operator"))
    assert "No version is in production: no prediction can be answered." in text
    assert "python manage.py registry deploy VERSION" in text
    assert buttons(text) == []


def test_it_answers_first_then_shows_everything_that_was_live(visit: Callable[..., Client], history: None) -> None:
    text = page(visit("auditor"))
    words = plain(text)
    assert "v1 has been in production since 7 April 2026 at 11:05, put there by olivier." in words
    lines = [plain(line).strip() for line in re.findall(r"<tr[ >].*?</tr>", text[text.index("<tbody>") :], re.DOTALL)]
    report = [
        one.sha256[:12] for one in (Deployment.objects.get(kind=kind).report for kind in ("pin", "deploy")) if one
    ]
    assert lines == [
        "v1 7 April 2026 at 11:05 now rollback olivier La DRH conteste. —",
        "— 6 April 2026 at 17:05 6 April 2026 at 23:05 odile predictions suspended olivier Salaires en double —",
        f"v2 6 April 2026 at 11:05 7 April 2026 at 11:05 pinned by the configuration olivier — {report[0]}…",
        f"v1 5 April 2026 at 11:05 6 April 2026 at 11:05 put into production olivier Démarrage. {report[1]}…",
    ]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-04-04T10:00", "On 4 April 2026 at 10:00, no version was in production."),
        ("2026-04-05T12:00", "v1 was in production: put there by olivier on 5 April 2026 at 11:05, until 6 April 2026"),
        ("2026-04-06T18:00", "Predictions were suspended at that moment, by olivier: Salaires en double."),
        ("2026-04-07T09:05:00Z", "On 7 April 2026 at 11:05, v1 was in production"),
        ("2026-04-08", "put there by olivier on 7 April 2026 at 11:05, and it still is."),
        ("demain", "“demain” is no moment"),
        ("0001-01-01T00:00", "“0001-01-01T00:00” is no moment"),
    ],
)
def test_one_asks_what_was_in_production_at_a_moment(
    visit: Callable[..., Client], history: None, at: str, words: str
) -> None:
    text = page(visit("auditor"), f"{PRODUCTION}?at={at}")
    assert words in plain(text)
    assert f'value="{at}"' in text


def test_a_switch_is_the_end_of_one_and_the_beginning_of_the_next(visit: Callable[..., Client], history: None) -> None:
    text = plain(page(visit("auditor"), f"{PRODUCTION}?at=2026-04-06T11:05"))
    assert "On 6 April 2026 at 11:05, v2 was in production" in text


def test_a_long_history_comes_in_pages_with_its_suspensions(
    visit: Callable[..., Client], django_assert_num_queries
) -> None:
    versions = [make.version("v1"), make.version("v2", history=True)]
    for day in range(3):
        make.deployment(versions[day % 2], days=day)
    client = visit("auditor")
    page(client)
    with django_assert_num_queries(3 + 2 + 2 + 4) as few:
        page(client)
    for day in range(3, 103):
        make.deployment(versions[day % 2], days=day)
        at = make.BASE_TIME + timedelta(days=day, hours=1)
        Suspension.objects.create(
            reason=f"jour {day}", started_at=at, started_by="olivier", open=False, ended_at=at, ended_by="olivier"
        )
    with django_assert_num_queries(len(few)):
        text = page(client, f"{PRODUCTION}?page=2")
    assert "page 2 of 3" in text
    # Deployments of days 52 down to 3, each with its suspension.
    assert sorted(map(int, re.findall(r"jour (\d+)", text))) == list(range(3, 53))
    last = page(client, f"{PRODUCTION}?page=9")
    assert "this is the last one, 3" in last
    assert "jour" not in last
    assert "There is no page “x”" in page(client, f"{PRODUCTION}?page=x")


# --- Buttons only for who may press them --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("operator", ["Suspend predictions…", "Go back to v2…"]),
        ("auditor", []),
        ("administrator", []),
        ("drh_reviewer", []),
        ("data_scientist", []),
    ],
)
def test_switches_are_offered_to_operators_alone(
    visit: Callable[..., Client], history: None, role: str, expected: list[str]
) -> None:
    assert [one for one in buttons(page(visit(role))) if one != "Ask"] == expected


# --- Confirmations ------------------------------------------------------------------------------------------------------
def test_a_deployment_says_what_will_happen_on_what_evidence_and_how_it_is_undone(
    visit: Callable[..., Client],
) -> None:
    make.deployment(make.version("v1"))
    report = make.approved(make.version("v2", history=True))
    text = page(visit("operator"), "/versions/v2/deploy/")
    words = plain(text)
    for said in (
        "Put v2 into production v2 will take the place of v1, in production since 5 April 2026 at 11:05 (olivier).",
        "Requests under way end on v1; none fails.",
        "Everybody who asks for a prediction.",
        "Go back to v1 from the page Production",
        f"{report.sha256[:12]}…",
        "Approved for the Data team by dominique",
        "Approved for the DRH by claire",
        "Vu en comité.",
    ):
        assert said in words, said
    live = live_deployment()
    assert live is not None
    assert seen(text) == str(live.pk)
    assert buttons(text) == ["Put v2 into production"]


def test_a_version_that_may_not_be_deployed_has_no_button_but_the_reason(visit: Callable[..., Client]) -> None:
    make.report(make.version("v2", history=True))
    text = page(visit("operator"), "/versions/v2/deploy/")
    assert "v2 still waits for: Approval: the Data team, Approval: the DRH." in plain(text)
    assert buttons(text) == []
    make.deployment(make.version("v1"))
    assert "v1 is in production already." in page(visit("operator"), "/versions/v1/deploy/")


def test_the_first_deployment_then_back_and_forth(office: Path, visit: Callable[..., Client]) -> None:
    client = visit("operator", "olivier")
    approved("v1")
    text = page(client, "/versions/v1/deploy/")
    assert "v1 will be the first version in production." in text
    response = client.post("/versions/v1/deploy/", {"seen": seen(text), "reason": "Démarrage."})
    assert response.headers["Location"] == PRODUCTION
    assert "v1 is in production, the first one." in page(client)
    deployed("v3")
    text = page(client, "/production/rollback/")
    assert "v1 will take the place of v3" in plain(text)
    assert "v1 was in production from" in plain(text)
    refused = client.post("/production/rollback/?to=v1", {"seen": seen(text), "to": "v1", "reason": ""})
    assert refused.status_code == 409
    assert "A rollback needs a reason" in refused.content.decode()
    client.post("/production/rollback/?to=v1", {"seen": seen(text), "to": "v1", "reason": "Plaintes."})
    assert "v1 is in production; v3 was before." in page(client)
    found = live_deployment()
    assert found is not None
    assert (found.version.name, found.kind, found.reason) == ("v1", "rollback", "Plaintes.")


def test_of_two_people_at_once_one_wins_and_the_other_is_told_who_and_when(
    office: Path, visit: Callable[..., Client]
) -> None:
    client = visit("operator", "olivier")
    deployed("v1")
    approved("v3")
    text = page(client, "/versions/v3/deploy/")
    deploy_version(actor=ODILE, version="v3")
    response = client.post("/versions/v3/deploy/", {"seen": seen(text), "reason": "Prévu mardi"})
    assert response.status_code == 409
    words = plain(response.content.decode())
    assert "Nothing was done: odile put v3 into production at" in words
    assert "v3 is in production already." in words
    assert Deployment.objects.count() == 2


def test_after_a_switch_by_somebody_else_the_form_speaks_of_what_is_live_now(
    office: Path, visit: Callable[..., Client]
) -> None:
    client = visit("operator", "olivier")
    deployed("v1")
    deployed("v3")
    text = page(client, "/production/rollback/?to=v1")
    before = live_deployment()
    assert before is not None
    Deployment.objects.filter(pk=before.pk).update(live=False, ended_at=before.started_at)
    other = Deployment.objects.create(
        version=before.version,
        previous=before,
        report=before.report,
        kind="deploy",
        started_at=before.started_at,
        started_by="odile",
    )
    response = client.post("/production/rollback/?to=v1", {"seen": seen(text), "to": "v1", "reason": "Plaintes."})
    again = response.content.decode()
    assert "Nothing was done: odile put v3 into production" in again
    assert "Plaintes.</textarea>" in again
    assert seen(again) == str(other.pk)
    client.post("/production/rollback/?to=v1", {"seen": seen(again), "to": "v1", "reason": "Plaintes."})
    found = live_deployment()
    assert found is not None
    assert found.version.name == "v1"


@pytest.mark.parametrize("typed", [{}, {"seen": ""}, {"seen": "-1"}, {"seen": "x"}, {"seen": "9" * 40}])
def test_a_form_that_does_not_say_what_was_seen_switches_nothing(
    visit: Callable[..., Client], typed: dict[str, str]
) -> None:
    make.approved(make.version("v2", history=True))
    response = visit("operator").post("/versions/v2/deploy/", typed)
    assert response.status_code == 409
    assert "does not say what was in production" in response.content.decode()
    assert not Deployment.objects.exists()


def test_files_that_were_changed_keep_the_old_version_in_production(office: Path, visit: Callable[..., Client]) -> None:
    client = visit("operator", "olivier")
    deployed("v1")
    approved("v3")
    text = page(client, "/versions/v3/deploy/")
    (office / "future_skills_model_v3.pkl").write_bytes(b"spoilt")
    response = client.post("/versions/v3/deploy/", {"seen": seen(text), "reason": "Prévu."})
    assert response.status_code == 409
    assert "was changed after it was written" in response.content.decode()
    assert "Prévu.</textarea>" in response.content.decode()
    live = live_deployment()
    assert live is not None
    assert live.version.name == "v1"


def test_where_there_is_nothing_to_go_back_to_it_is_said(visit: Callable[..., Client]) -> None:
    client = visit("operator")
    assert "there is nothing to go back from" in page(client, "/production/rollback/")
    make.deployment(make.version("v1"))
    make.version("v2", history=True)
    assert "There is nothing to go back to" in page(client, "/production/rollback/")
    assert "v2 cannot come back" in page(client, "/production/rollback/?to=v2")
    assert page(client, "/production/rollback/?to=v9", 404)


def test_a_rollback_may_go_further_back(visit: Callable[..., Client]) -> None:
    for number in (1, 2, 3):
        make.deployment(make.version(f"v{number}"), days=30 + number)
    text = page(visit("operator"), "/production/rollback/")
    assert "v2 will take the place of v3" in text
    assert '<a href="?to=v1">v1</a>' in text
    assert "v1 will take the place of v3" in page(visit("operator"), "/production/rollback/?to=v1")


def test_predictions_are_suspended_and_resumed(visit: Callable[..., Client]) -> None:
    client = visit("operator", "olivier")
    assert "No version is in production" in page(client, "/production/suspend/")
    make.deployment(make.version("v1"))
    assert "v1 will not answer any more, until somebody resumes." in page(client, "/production/suspend/")
    refused = client.post("/production/suspend/", {"reason": "  "})
    assert refused.status_code == 409
    assert "A suspension needs a reason" in refused.content.decode()
    client.post("/production/suspend/", {"reason": "Salaires en double"})
    text = page(client)
    assert "Predictions are suspended." in text
    assert "by olivier: Salaires en double. v1 stays in production" in plain(text)
    assert 'class="answer alarm"' in text
    assert [one for one in buttons(text) if one != "Ask"] == ["Resume predictions…"]
    assert buttons(page(client, "/production/suspend/")) == []
    assert "olivier, on" in plain(page(client, "/production/resume/"))
    client.post("/production/resume/", {"reason": ""})
    assert open_suspension() is None
    assert "Predictions are answered again." in page(client)
    again = client.post("/production/resume/", {})
    assert again.status_code == 409
    assert "Predictions are not suspended." in again.content.decode()


def test_a_deployment_while_suspended_says_that_nothing_answers_yet(visit: Callable[..., Client]) -> None:
    make.deployment(make.version("v1"))
    make.approved(make.version("v2", history=True))
    Suspension.objects.create(reason="Contrôle.", started_at=make.BASE_TIME, started_by="olivier")
    assert "They stay suspended (Contrôle): v2 answers once somebody resumes." in page(
        visit("operator"), "/versions/v2/deploy/"
    )
