"""Windows, alerts and retraining requests in the API."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.monitoring.models import Alert, Window
from future_skills import schema
from tests.apps.registry.promotion import NADIA

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]
Ask = Callable[..., Any]


@pytest.fixture
def ask(cast: None) -> Ask:
    """``ask("GET", "windows")``: what the API answers to nadia."""
    scopes = [Right.READ, Right.HANDLE_ALERTS, Right.RETRAIN]
    _token, secret = create_token(actor=NADIA, username="nadia", name="essai", scopes=scopes)
    headers = {"authorization": f"Bearer {secret}", "accept-language": "en"}

    def answer(method: str, address: str, body: Any = None) -> Any:
        given = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return Client().generic(method, f"/api/v1/{address}", headers=headers, **given)

    return answer


@pytest.fixture
def drifted(scored: Make, next_quarter: Make, small_company: pl.DataFrame) -> list[Window]:
    """A quiet window, and two that drift."""
    scored(str(small_company[schema.PERIOD].max()))
    return [scored(next_quarter(period, levels=False, scarcity_index=0.4)) for period in ("2030-01", "2030-04")]


def test_windows_newest_first_and_one_of_them_whole(drifted: list[Window], ask: Ask) -> None:
    page = ask("GET", "windows?limit=2").json()
    assert [one["name"] for one in page["windows"]] == ["2030-04", "2030-01"]
    assert page["windows"][0]["drift"] is None
    rest = ask("GET", f"windows?before={page['next']}").json()
    assert (len(rest["windows"]), rest["next"]) == (1, None)
    whole = ask("GET", f"windows/{drifted[0].pk}").json()
    features = {one["feature"]: one["verdict"] for one in whole["drift"]["features"]}
    assert features["scarcity_index"] == "drift"
    assert whole["estimate"]["conditions"]
    assert ask("GET", "windows?kind=day").json() == {"windows": [], "next": None}
    assert ask("GET", "windows/999").json()["code"] == "window_not_found"


def test_a_page_of_windows_asks_as_many_questions_whatever_there_is(drifted: list[Window], ask: Ask) -> None:
    ask("GET", "windows")  # what a process asks once
    counts = []
    for most in (1, 3):
        with CaptureQueriesContext(connection) as asked:
            ask("GET", f"windows?limit={most}")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_an_alert_is_acknowledged_then_closed_by_a_person_with_a_reason(drifted: list[Window], ask: Ask) -> None:
    alert = Alert.objects.get(kind="data_drift", feature="scarcity_index")
    listed = ask("GET", "alerts").json()["alerts"]
    assert alert.pk in {one["alert"] for one in listed}
    assert ask("POST", f"alerts/{alert.pk}/acknowledge", {"reason": " "}).status_code == 400
    seen = ask("POST", f"alerts/{alert.pk}/acknowledge", {"reason": "Je regarde."}).json()
    assert (seen["state"], seen["acknowledged_by"]) == ("acknowledged", "nadia")
    again = ask("POST", f"alerts/{alert.pk}/acknowledge", {"reason": "Moi aussi."})
    assert (again.status_code, again.json()["code"]) == (409, "alert_closed")
    done = ask("POST", f"alerts/{alert.pk}/close", {"reason": "Corrigé."}).json()
    assert (done["state"], done["reason"]) == ("closed", "Corrigé.")
    assert alert.pk not in {one["alert"] for one in ask("GET", "alerts").json()["alerts"]}
    assert alert.pk in {one["alert"] for one in ask("GET", "alerts?closed=true").json()["alerts"]}
    assert ask("POST", "alerts/999/close", {"reason": "?"}).status_code == 404


def test_a_retraining_is_asked_for_and_left_to_a_worker(drifted: list[Window], ask: Ask) -> None:
    alert = Alert.objects.get(kind="data_drift", feature="scarcity_index")
    made = ask("POST", "retrainings", {"reason": "La rareté a changé.", "alert": alert.pk}).json()
    assert (made["state"], made["alert"], made["requester"]) == ("waiting", alert.pk, "nadia")
    assert made["arrived"]["periods"] == ["2030-01", "2030-04"]
    assert ask("POST", "retrainings", {"reason": "Encore."}).json()["code"] == "retraining_busy"
    assert [one["request"] for one in ask("GET", "retrainings").json()["requests"]] == [made["request"]]
