"""The pages of monitoring, as somebody reads them: what is watched, one window, alerts, retraining, the policy."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from django.test import Client
from django.utils import timezone

from apps.monitoring.models import Alert, DriftFinding, PerformanceFinding, RetrainRequest, Window
from apps.monitoring.policies import active_monitoring_policy
from apps.monitoring.services.policy import set_monitoring_policy
from apps.registry.models import Deployment, ModelVersion
from future_skills import schema
from future_skills.formatting import estimate, percent
from future_skills.monitoring_policy import default_monitoring_policy
from future_skills.performance_text import counts_sentence
from tests.apps.monitoring.conftest import looked_at
from tests.apps.registry.promotion import ADELE

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]
Login = Callable[..., Client]


def text(response: Any) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def reader(login: Login) -> Client:
    return english(login("auditor"))


@pytest.fixture
def operator(login: Login) -> Client:
    return english(login("operator", username="olivier"))


@pytest.fixture
def scientist(login: Login) -> Client:
    return english(login("data_scientist", username="camille"))


def english(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def newest(small_company: pl.DataFrame) -> str:
    return str(small_company[schema.PERIOD].max())


@pytest.fixture
def labelled(scored: Make, small_company: pl.DataFrame) -> Window:
    """A window whose labels are there."""
    periods = small_company[schema.PERIOD].unique().sort().to_list()
    return scored(periods[-5])


@pytest.fixture
def drifted(scored: Make, next_quarter: Make) -> Alert:
    """An alert about a drift that lasted over two windows."""
    for period in ("2030-01", "2030-04"):
        scored(next_quarter(period, levels=False, scarcity_index=0.4))
    found = Alert.objects.get(kind="data_drift", feature="scarcity_index")
    Alert.objects.exclude(pk=found.pk).delete()  # what such figures alarm besides
    return found


# --- What is watched --------------------------------------------------------------------------------------------------------
def test_an_empty_page_says_how_to_begin(live: Deployment, reader: Client) -> None:
    said = text(reader.get("/monitoring/"))
    assert "v1 is in production. Nobody has looked at it yet." in said
    assert "No window was compared yet." in said
    assert "python manage.py monitor" in said


def test_without_anything_live_the_page_is_still_there(reader: Client) -> None:
    assert "No version is in production." in text(reader.get("/monitoring/"))


def test_a_window_stands_beside_what_was_declared(labelled: Window, reader: Client) -> None:
    page = reader.get("/monitoring/")
    said, known = text(page), labelled.performances.get().words
    assert "It was looked at last on" in said
    assert "by olivier." in said
    assert known.measured is not None
    assert known.declared is not None
    for figures in (known.measured, known.declared):
        low, high = figures.intervals["accuracy"]
        whole = estimate(figures.metrics.accuracy, low, high, figures.metrics.rows, "en")
        assert whole.split(", n")[0] in said
    assert known.measured.persistence is not None
    assert percent(known.measured.persistence.accuracy, "en") in said
    assert f'href="/monitoring/windows/{labelled.pk}/"' in page.content.decode()
    assert "Share of right answers, window by window" in said
    assert "provisional" not in said.split("Right answers: of those")[0]


def test_what_is_not_final_is_said_to_be_provisional_or_an_estimate(
    scored: Make, newest: str, next_quarter: Make, reader: Client
) -> None:
    window = scored(newest)
    year, month = newest.split("-")
    assert "provisional" not in text(reader.get("/monitoring/")).split("Right answers: of those")[0]
    next_quarter(f"{int(year) + int(month) // 12}-{int(month) % 12 + 1:02}")
    looked_at()
    known = window.performances.order_by("-pk")[0]
    assert known.words.measured is None
    assert known.words.provisional is not None
    said = text(reader.get("/monitoring/")).split("Right answers: of those")[0]
    assert "provisional" in said
    assert (percent(known.estimated.expected, "en") if known.estimated.expected else "not estimable") in said


def test_windows_of_other_versions_are_a_filter_away(
    labelled: Window, registered: list[ModelVersion], reader: Client
) -> None:
    Window.objects.filter(pk=labelled.pk).update(version=registered[1])
    said = text(reader.get("/monitoring/"))
    assert "No window of v1 is there." in said
    assert "campaign" in text(reader.get("/monitoring/?version=v2"))
    assert f"/monitoring/windows/{labelled.pk}/" in reader.get("/monitoring/?version=v2").content.decode()


@pytest.mark.parametrize("asked", ["version=ghost", "kind=century", "before=abc", f"before={10**30}", "before=1"])
def test_what_makes_no_sense_in_an_address_breaks_nothing(labelled: Window, reader: Client, asked: str) -> None:
    assert reader.get(f"/monitoring/?{asked}").status_code == 200


def test_many_windows_cost_as_many_queries_as_one(
    labelled: Window, reader: Client, django_assert_num_queries: Any
) -> None:
    finding, known = labelled.findings.get(), labelled.performances.get()
    reader.get("/monitoring/?kind=month")
    copies(labelled, finding, known, first=1, count=1)
    with django_assert_num_queries(14) as few:
        assert rows_of(reader.get("/monitoring/?kind=month")) == 1
    copies(labelled, finding, known, first=2, count=60)
    with django_assert_num_queries(len(few)):
        page = reader.get("/monitoring/?kind=month")
    assert rows_of(page) == 50
    older = re.search(r'href="(\?[^"]*before=\d+)"', page.content.decode())
    assert older is not None
    assert rows_of(reader.get("/monitoring/" + older[1].replace("&amp;", "&"))) == 11


def rows_of(page: Any) -> int:
    """Windows in the table of a page."""
    return int(page.content.decode().count('data-href="/monitoring/windows/'))


def copies(of: Window, finding: DriftFinding, known: PerformanceFinding, *, first: int, count: int) -> None:
    """Slices of the log that look like a window."""
    for number in range(first, first + count):
        window = Window.objects.create(
            version=of.version,
            kind="month",
            name=f"{2000 + number // 12}-{number % 12 + 1:02}",
            start=of.start,
            end=of.end,
            rows=of.rows,
            made_at=of.made_at,
        )
        DriftFinding.objects.create(
            window=window, policy_sha256=finding.policy_sha256, alarms=0, made_at=of.made_at, content=finding.content
        )
        PerformanceFinding.objects.create(
            window=window,
            policy_sha256=known.policy_sha256,
            facts_event=known.facts_event,
            labelled=known.labelled,
            made_at=of.made_at,
            content=known.content,
            estimate=known.estimate,
        )


# --- A window ---------------------------------------------------------------------------------------------------------------
def test_a_window_tells_every_feature_what_is_listed_and_the_market(labelled: Window, reader: Client) -> None:
    said, report = text(reader.get(f"/monitoring/windows/{labelled.pk}/")), labelled.findings.get().words
    assert f"{report.rows} rows" in said
    for one in report.features:
        if one.kind != "market":
            assert f"{one.units[1]:,.0f}" in said, one.feature
    for title in ("never seen", "out of the range of training", "Missing values", "Signals of the market"):
        assert title in said
    for signal in report.signals:
        for value in (*signal.seen.values(), *signal.now.values()):
            assert f"{value:.2f}" in said
    assert "Skills whose trend moved" in said


def test_a_drift_is_told_with_its_distribution_and_what_to_do_next(drifted: Alert, reader: Client) -> None:
    window = drifted.last_window
    page = reader.get(f"/monitoring/windows/{window.pk}/")
    said, report = text(page), window.findings.get().words
    found = report.feature("scarcity_index")
    assert found.verdict == "drift"
    assert "Scarcity index has drifted" in said
    assert "Ask whoever delivers this figure" in said
    assert 'id="feature-scarcity_index" open' in page.content.decode()
    for bar in found.bins:
        assert f"{percent(bar.before, 'en')} → {percent(bar.now, 'en')}" in said  # the chart …
        assert f"{percent(bar.before, 'en')} {percent(bar.now, 'en')}" in said  # … and the table beside it
    assert "Scarcity index is no longer distributed as v1 knew it" in said
    assert f'href="/monitoring/alerts/{drifted.pk}/"' in page.content.decode()


def test_a_window_tells_what_it_was_worth_and_each_condition_of_the_estimate(labelled: Window, reader: Client) -> None:
    said, known = text(reader.get(f"/monitoring/windows/{labelled.pk}/")), labelled.performances.get()
    assert known.words.measured is not None
    for metric in ("f1_macro", "emergence"):
        value = known.words.measured.value(metric)
        assert value is None or f"{value:.3f}" in said
    for level in ("Low", "Medium", "High"):
        assert f"Precision of {level}" in said
    assert said.count("holds:") + said.count("fails:") + said.count("not known:") == len(known.estimated.conditions)


def test_windows_lead_to_the_one_before_and_after(scored: Make, small_company: pl.DataFrame, reader: Client) -> None:
    periods = small_company[schema.PERIOD].unique().sort().to_list()[-3:]
    first, second, third = (scored(period) for period in periods)
    page = reader.get(f"/monitoring/windows/{second.pk}/").content.decode()
    assert f'href="/monitoring/windows/{first.pk}/" rel="prev"' in page
    assert f'href="/monitoring/windows/{third.pk}/" rel="next"' in page


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_report_is_one_file_that_asks_nobody_for_anything(drifted: Alert, login: Login, language: str) -> None:
    place = f"/monitoring/windows/{drifted.last_window_id}/report.html"
    response = login("auditor").get(place, headers={"accept-language": language})
    document = response.content.decode()
    assert re.fullmatch(r'attachment; filename="monitoring_v1_2030-04\.html"', response["Content-Disposition"])
    assert f'<html lang="{language}">' in document
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(|@import", document)
    assert set(re.findall(r'href="([^"])', document)) <= {"#"}
    style = re.search(r"<style>(.*)</style>", document, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in response["Content-Security-Policy"]
    counts = drifted.last_window.performances.order_by("-pk")[0].words.counts
    assert counts_sentence(counts, "fr" if language == "fr" else "en") in document
    assert "#feature-scarcity_index" in document
    assert "<svg" in document


@pytest.mark.parametrize("place", ["windows/404/", "windows/404/report.html", "alerts/404/", "retrainings/404/"])
def test_what_is_not_there_is_not_found(reader: Client, place: str) -> None:
    assert reader.get(f"/monitoring/{place}").status_code == 404


# --- Alerts -----------------------------------------------------------------------------------------------------------------
def test_an_alert_is_acknowledged_and_closed_with_a_reason(drifted: Alert, operator: Client) -> None:
    place = f"/monitoring/alerts/{drifted.pk}/"
    assert "1 alert waits for somebody" in text(operator.get("/monitoring/alerts/"))
    operator.post(place + "acknowledge/", {"reason": "Je regarde la source."})
    said = text(operator.get(place))
    assert "You look after this alert" in said
    assert "olivier — Je regarde la source." in said
    assert "Acknowledge this alert" not in said
    assert "No alert waits for anybody" in text(operator.get("/monitoring/alerts/"))
    operator.post(place + "close/", {"reason": "Unité corrigée."})
    said = text(operator.get(place))
    assert "olivier — Unité corrigée." in said
    assert "Close this alert" not in said
    drifted.refresh_from_db()
    assert (drifted.acknowledged_by, drifted.closed_by) == ("olivier", "olivier")
    assert "Scarcity index" not in text(operator.get("/monitoring/alerts/"))
    assert "Scarcity index" in text(operator.get("/monitoring/alerts/?closed=1"))


@pytest.mark.parametrize("act", ["acknowledge", "close"])
def test_what_was_typed_is_kept_when_it_is_refused(drifted: Alert, operator: Client, act: str) -> None:
    typed = "é" * 10_001
    response = operator.post(f"/monitoring/alerts/{drifted.pk}/{act}/", {"reason": typed})
    assert response.status_code == 409
    assert "10 000 characters at most" in text(response)
    assert typed in response.content.decode()
    drifted.refresh_from_db()
    assert (drifted.acknowledged_at, drifted.closed_at) == (None, None)


def test_an_alert_that_somebody_closed_meanwhile_says_who(drifted: Alert, operator: Client) -> None:
    place = f"/monitoring/alerts/{drifted.pk}/close/"
    operator.post(place, {"reason": "Fini."})
    response = operator.post(place, {"reason": "Fini aussi."})
    assert response.status_code == 409
    assert "olivier" in text(response)


def test_who_deals_with_no_alert_sees_no_form_and_no_number(drifted: Alert, reader: Client, operator: Client) -> None:
    place = f"/monitoring/alerts/{drifted.pk}/"
    page = reader.get(place).content.decode()
    assert 'name="reason"' not in page
    assert "alerts-waiting" not in page
    assert reader.post(place + "close/", {"reason": "Non."}).status_code == 403
    page = operator.get(place).content.decode()
    assert re.search(r'id="alerts-waiting"[^>]*>1 alert<', page)
    assert operator.get(place + "close/").headers["Location"] == place


def test_an_alert_leads_to_its_windows_and_to_a_retraining(drifted: Alert, scientist: Client) -> None:
    page = scientist.get(f"/monitoring/alerts/{drifted.pk}/").content.decode()
    for window in {drifted.first_window_id, drifted.last_window_id}:
        assert f'href="/monitoring/windows/{window}/"' in page
    assert f'href="/monitoring/retrainings/?alert={drifted.pk}#ask"' in page
    form = scientist.get(f"/monitoring/retrainings/?alert={drifted.pk}").content.decode()
    assert f'name="alert" value="{drifted.pk}"' in form


@pytest.mark.parametrize(
    ("kind", "feature", "begins"),
    [("performance_fall", "accuracy", ">v1 is right less often"), ("data_drift", "trend_score", ">Trend")],
)
def test_a_title_begins_with_a_capital_but_for_the_name_of_a_version(
    labelled: Window, reader: Client, kind: str, feature: str, begins: str
) -> None:
    made = {"version": labelled.version, "series": "campaign", "kind": kind, "feature": feature, "severity": "warning"}
    seen = {"first_window": labelled, "last_window": labelled, "details": {}, "opened_at": timezone.now()}
    Alert.objects.create(**made, **seen)
    assert f"<strong{begins}" in reader.get("/monitoring/").content.decode()


# --- Retraining -------------------------------------------------------------------------------------------------------------
def test_a_retraining_is_asked_for_from_an_alert(drifted: Alert, scientist: Client) -> None:
    response = scientist.post("/monitoring/retrainings/", {"reason": "Un trimestre est arrivé.", "alert": drifted.pk})
    asked = RetrainRequest.objects.get()
    assert response.headers["Location"] == f"/monitoring/retrainings/{asked.pk}/"
    assert (asked.alert, asked.requester, asked.requester_source) == (drifted, "camille", "login")
    page = scientist.get(f"/monitoring/retrainings/{asked.pk}/")
    assert "Un trimestre est arrivé." in text(page)
    assert "January 2030, April 2030" in text(page).replace("\u00a0", " ")
    assert "make worker" in text(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    assert f"/monitoring/retrainings/{asked.pk}/" in scientist.get(f"/monitoring/alerts/{drifted.pk}/").content.decode()
    again = scientist.post("/monitoring/retrainings/", {"reason": "Encore."})
    assert again.status_code == 409
    assert "Encore." in again.content.decode()
    assert RetrainRequest.objects.count() == 1


def test_with_nothing_new_it_says_what_is_needed(live: Deployment, scientist: Client) -> None:
    scientist.post("/monitoring/retrainings/", {"reason": "Pour voir."})
    asked = RetrainRequest.objects.get()
    said = text(scientist.get(f"/monitoring/retrainings/{asked.pk}/"))
    assert "Nothing new to learn from" in said
    assert "nadia" in said
    assert "Nothing came since." in said


def test_who_may_not_ask_sees_no_form(live: Deployment, reader: Client) -> None:
    said = text(reader.get("/monitoring/retrainings/"))
    assert "Nobody asked for a retraining yet." in said
    assert "Ask for another version" not in said
    assert reader.post("/monitoring/retrainings/", {"reason": "Non."}).status_code == 403


def test_without_a_live_version_there_is_none_to_follow(scientist: Client) -> None:
    said = text(scientist.get("/monitoring/retrainings/"))
    assert "there is none to follow" in said
    assert "<textarea" not in said


@pytest.fixture
def candidate(live: Deployment, registered: list[ModelVersion]) -> RetrainRequest:
    """A request that made v2, which would have changed twelve pairs."""
    now = timezone.now()
    return RetrainRequest.objects.create(
        parent=registered[0],
        version=registered[1],
        reason="Essai.",
        requested_at=now,
        requester="nadia",
        requester_source="login",
        arrived={"since": "", "periods": ["2026-01"], "rows": 40, "labels": 30, "newest": "2026-01", "importers": []},
        changes={
            "campaign": 7,
            "period": "2026-01",
            "pairs": 160,
            "moves": [{"before": "LOW", "after": "HIGH", "pairs": 5}, {"before": "HIGH", "after": "LOW", "pairs": 7}],
            "rising_before": 3,
            "rising_after": 8,
            "appeared": 6,
            "vanished": 1,
        },
        finished_at=now,
    )


@pytest.mark.parametrize("place", ["/monitoring/retrainings/{request}/", "/versions/v2/"])
def test_a_candidate_says_what_it_would_have_changed(candidate: RetrainRequest, reader: Client, place: str) -> None:
    said = text(reader.get(place.format(request=candidate.pk))).replace("\u00a0", " ")
    assert "Of 160 pairs of January 2026, 12 would have been at another level." in said
    assert "Announced as rising: 3 then, 8 with it; 6 would have appeared, 1 vanished." in said
    assert "Low High 5" in said
    assert "High Low 7" in said


def test_a_version_that_a_person_trained_says_nothing_of_it(live: Deployment, reader: Client) -> None:
    assert "would have changed" not in text(reader.get("/versions/v1/"))


# --- The policy -------------------------------------------------------------------------------------------------------------
def test_the_policy_in_force_is_told_with_its_history(cast: None, reader: Client, tmp_path: Path) -> None:
    place, before = "/monitoring/policy/", default_monitoring_policy()
    page = reader.get(place)
    assert "nobody has put another in its place" in text(page)
    assert before.sha256 in page.content.decode()
    document = before.model_dump(mode="json") | {"retraining": {"when": "every_months", "months": 7}}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(document))
    set_monitoring_policy(actor=ADELE, path=tmp_path / "policy.yaml", reason="Deux fois par an.")
    said, page = text(reader.get(place)), reader.get(place)
    assert "put there by adele" in said
    assert "Deux fois par an." in said
    assert "every 7 months" in said
    assert active_monitoring_policy().sha256 in page.content.decode()


# --- Estimates against what happened ------------------------------------------------------------------------------------
def test_an_estimate_stands_beside_what_happened_once_it_is_known(labelled: Window, reader: Client) -> None:
    known = labelled.performances.get()
    said = text(reader.get(f"/monitoring/windows/{labelled.pk}/"))
    if known.estimated.expected is None:
        assert "Earlier estimates" not in said
    else:
        assert known.words.measured is not None
        assert "Earlier estimates, and what happened" in said
        assert percent(known.words.measured.metrics.accuracy, "en").removesuffix("%") in said
