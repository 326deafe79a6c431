"""A person gives a pair another level: shown wherever the prediction is, the model's kept, in the audit, for a while."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.audit.models import AuditEvent
from apps.registry.models import Deployment
from apps.serving import predictions
from apps.serving.models import Prediction, PredictionOverride
from apps.serving.overrides import pages, selectors
from apps.serving.overrides.seen import Seen
from apps.serving.overrides.selectors import OVERRIDES
from apps.serving.overrides.services import LONGEST, override_prediction, withdraw_override
from future_skills import schema
from future_skills.errors import (
    OverriddenMeanwhileError,
    OverrideNotFoundError,
    OverrideOverError,
    PermissionDeniedError,
    ProofRequiredError,
    UsageError,
)
from tests.apps.registry.promotion import CLAIRE, OLIVIER

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pair(small_company: pl.DataFrame) -> tuple[str, str]:
    """A role and a skill that have a snapshot of the newest period."""
    newest = small_company.filter(pl.col(schema.PERIOD) == small_company[schema.PERIOD].max())
    return newest[schema.ROLE][0], newest[schema.SKILL][0]


@pytest.fixture
def seen(live: Deployment, pair: tuple[str, str]) -> Seen:
    """What production said of the pair, in the log."""
    role, skill = pair
    answers = predictions.predict([{schema.ROLE: role, schema.SKILL: skill}], actor=OLIVIER)
    identifier = str(answers.answers[0].id)
    return Seen.named(prediction=identifier, campaign=None, role="", skill="")


@pytest.fixture
def logged_in(cast: None) -> Callable[[str], Client]:
    """``logged_in("claire")``: a browser of hers."""

    def browser(name: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(username=name))
        return client

    return browser


def another(level: str) -> str:
    return "LOW" if level == "HIGH" else "HIGH"


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def decided(seen: Seen, **changes: Any) -> PredictionOverride:
    asked = {"level": another(seen.predicted), "until": in_days(30), "reason": "Nouveau contrat."}
    written = override_prediction(actor=CLAIRE, seen=seen, **(asked | changes))
    OVERRIDES._known = None  # a process knows it a second later
    return written


# --- The verb ---------------------------------------------------------------------------------------------------------------
def test_every_answer_about_the_pair_says_it_and_keeps_the_level_of_the_model(
    seen: Seen, ask: Callable[..., Any]
) -> None:
    written = decided(seen)
    row = {schema.ROLE: seen.role, schema.SKILL: seen.skill}
    answer = ask("POST", "predictions", json.dumps({"rows": [row]})).json()["predictions"][0]
    assert answer["level"] == seen.predicted
    assert answer["override"]["level"] == another(seen.predicted)
    assert (answer["override"]["name"], answer["override"]["reason"]) == ("claire", "Nouveau contrat.")
    assert answer["override"]["until"] == in_days(30).isoformat()
    assert Prediction.objects.get(pk=answer["id"]).override == written
    assert Prediction.objects.get(pk=seen.prediction).override is None


def test_it_is_in_the_audit_with_what_the_model_had_said(seen: Seen) -> None:
    written = decided(seen)
    event = AuditEvent.objects.get(action="serving.override_prediction")
    assert (event.actor, event.object_type) == ("claire", "pair")
    assert event.details["predicted"] == seen.predicted
    assert event.details["level"] == written.level
    assert event.details["prediction"] == str(seen.prediction)


def test_it_counts_until_its_last_day_and_not_after(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(seen, until=in_days(1))
    assert OVERRIDES.now().of(seen.role, seen.skill) is not None
    for days, counts in ((1, True), (2, False)):
        day = in_days(days)
        with monkeypatch.context() as later:
            later.setattr(selectors.timezone, "localdate", lambda day=day: day)
            assert (selectors.OverridesReader().now().of(seen.role, seen.skill) is not None) is counts


@pytest.mark.parametrize(
    "changes",
    [
        {"level": "VERY HIGH"},
        {"level": ""},
        {"until": date(2000, 1, 1)},
        {"reason": "   "},
        {"reason": "x" * 10_001},
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(seen: Seen, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        decided(seen, **changes)
    assert not PredictionOverride.objects.exists()


def test_it_counts_from_tomorrow_to_two_years_at_most(seen: Seen) -> None:
    for until in (in_days(0), timezone.localdate() + LONGEST + timedelta(days=1)):
        with pytest.raises(UsageError):
            decided(seen, until=until)
    assert decided(seen, until=timezone.localdate() + LONGEST).until == timezone.localdate() + LONGEST


def test_only_a_reviewer_decides_and_only_in_their_own_name(seen: Seen) -> None:
    asked: dict[str, Any] = {"seen": seen, "level": "HIGH", "until": in_days(3), "reason": "Essai."}
    with pytest.raises(PermissionDeniedError):
        override_prediction(actor=OLIVIER, **asked)
    with pytest.raises(ProofRequiredError):
        override_prediction(actor=Actor("claire", "declared"), **asked)


def test_who_had_not_read_the_decision_that_counts_is_told(seen: Seen) -> None:
    first = decided(seen)
    with pytest.raises(OverriddenMeanwhileError) as refused:
        decided(seen, level="MEDIUM")
    assert refused.value.details["name"] == "claire"
    second = decided(seen, level="MEDIUM", replaces=first.pk)
    assert second.replaces == first
    assert selectors.OverridesReader().now().of(seen.role, seen.skill) == second


def test_a_decision_that_is_over_can_be_followed_by_another(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    first = decided(seen, until=in_days(1))
    tomorrow = in_days(2)
    monkeypatch.setattr(timezone, "localdate", lambda: tomorrow)
    second = decided(seen, until=tomorrow + timedelta(days=9))
    assert second.replaces == first


def test_the_database_refuses_two_decisions_that_replace_nothing(seen: Seen) -> None:
    written = decided(seen)
    copy = {
        field.name: getattr(written, field.name)
        for field in PredictionOverride._meta.concrete_fields
        if not field.primary_key
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        PredictionOverride.objects.create(**copy)
    assert PredictionOverride.objects.count() == 1


def test_nothing_changes_a_decision(seen: Seen) -> None:
    written = decided(seen)
    with pytest.raises(TypeError):
        written.save()
    with pytest.raises(TypeError):
        PredictionOverride.objects.update(level="LOW")


def test_withdrawn_the_model_has_the_word_again_and_both_rows_are_kept(seen: Seen) -> None:
    written = decided(seen)
    withdraw_override(actor=CLAIRE, override=written.pk, reason="Contrat perdu.")
    assert selectors.OverridesReader().now().of(seen.role, seen.skill) is None
    assert PredictionOverride.objects.count() == 2
    assert AuditEvent.objects.filter(action="serving.withdraw_override").count() == 1
    with pytest.raises(OverrideOverError):
        withdraw_override(actor=CLAIRE, override=written.pk, reason="Encore.")
    with pytest.raises(OverrideNotFoundError):
        withdraw_override(actor=CLAIRE, override=written.pk + 99, reason="Laquelle ?")


# --- The doors --------------------------------------------------------------------------------------------------------------
@pytest.fixture
def reviewer(cast: None) -> dict[str, str]:
    """The headers of the reviewer's token."""
    _token, secret = create_token(
        actor=CLAIRE, username="claire", name="essai", scopes=[Right.READ, Right.OVERRIDE_PREDICTIONS]
    )
    return {"authorization": f"Bearer {secret}"}


def test_through_the_api(seen: Seen, reviewer: dict[str, str], client: Client) -> None:
    body = {"level": another(seen.predicted), "until": in_days(5).isoformat(), "reason": "Nouveau contrat."}
    place = f"/api/v1/predictions/{seen.prediction}/override"
    made = client.post(place, body, content_type="application/json", headers=reviewer)
    assert made.status_code == 200, made.content
    again = client.post(place, body, content_type="application/json", headers=reviewer)
    assert (again.status_code, again.json()["code"]) == (409, "overridden_meanwhile")
    listed = client.get("/api/v1/overrides", headers=reviewer).json()
    assert [one["override"] for one in listed["overrides"]] == [made.json()["override"]]
    gone = client.post(
        f"/api/v1/overrides/{made.json()['override']}/withdraw",
        {"reason": "Erreur."},
        content_type="application/json",
        headers=reviewer,
    )
    assert (gone.status_code, gone.json()["level"]) == (200, None)
    assert client.get("/api/v1/overrides", headers=reviewer).json() == {"overrides": [], "next": None}
    everything = client.get("/api/v1/overrides?in_force=false&limit=1", headers=reviewer).json()
    assert everything["next"] == gone.json()["override"]
    rest = client.get(f"/api/v1/overrides?in_force=false&before={everything['next']}", headers=reviewer).json()
    assert [one["override"] for one in rest["overrides"]] == [made.json()["override"]]


def test_through_the_command(seen: Seen, reviewer: dict[str, str], run: Run, settings: Any) -> None:
    words = ["--prediction", str(seen.prediction), "--level", "HIGH", "--until", in_days(9).isoformat()]
    refused = run("override_prediction", *words, "--reason", "Contrat.", "--as", "claire", "--json")
    assert refused[0] == 1
    assert json.loads(refused[1])["error"]["code"] == "proof_required"
    settings.FUTURE_SKILLS_TOKEN = reviewer["authorization"].removeprefix("Bearer ")
    code, out, _err = run("override_prediction", *words, "--reason", "Contrat.", "--json")
    assert code == 0, out
    number = json.loads(out)["override"]
    code, out, _err = run("override_prediction", "--withdraw", str(number), "--reason", "Erreur.", "--json")
    assert (code, json.loads(out)["level"]) == (0, None)
    code, out, _err = run("override_prediction", *words[2:], "--reason", "Contrat.", "--json")
    assert json.loads(out)["error"]["code"] == "usage"


def test_through_the_pages(seen: Seen, logged_in: Callable[[str], Client]) -> None:
    claire = logged_in("claire")
    place = f"/overrides/decide/?prediction={seen.prediction}"
    assert seen.role in claire.get(place).content.decode()
    typed = {"level": another(seen.predicted), "until": in_days(5).isoformat(), "reason": "", "replaces": ""}
    refused = claire.post(place, typed)
    assert refused.status_code == 409
    assert in_days(5).isoformat() in refused.content.decode()  # what was typed is kept
    done = claire.post(place, typed | {"reason": "Nouveau contrat."}, follow=True)
    assert done.status_code == 200
    assert "Nouveau contrat." in done.content.decode()
    assert "Nouveau contrat." in claire.get("/overrides/").content.decode()
    OVERRIDES._known = None  # a process knows it a second later
    pair = {"role": seen.role, "skill": seen.skill}
    olivier = logged_in("olivier")
    assert "Nouveau contrat." in olivier.get("/predict/", pair).content.decode()
    log = olivier.get("/predictions/", pair).content.decode()
    assert log.count("Nouveau contrat.") >= 2  # the answer before it, and those after
    assert "Nouveau contrat." in olivier.get(f"/predictions/{seen.prediction}/").content.decode()
    table = list(
        csv.reader(
            io.StringIO(b"".join(olivier.get("/predictions.csv").streaming_content).decode("utf-8-sig")), delimiter=";"
        )
    )
    place_of = table[0].index("Correction")
    assert {row[place_of] for row in table[1:]} == {"", another(seen.predicted)}
    number = PredictionOverride.objects.get().pk
    assert olivier.get(f"/overrides/withdraw/{number}/").status_code == 403
    done = claire.post(f"/overrides/withdraw/{number}/", {"reason": "Erreur."}, follow=True)
    assert done.status_code == 200
    assert "Nouveau contrat." not in claire.get("/overrides/").content.decode()
    assert "Nouveau contrat." in claire.get("/overrides/?show=all").content.decode()


def test_an_address_that_names_no_prediction_is_refused(live: Deployment, logged_in: Callable[[str], Client]) -> None:
    claire = logged_in("claire")
    for asked, status in (("", 400), ("?prediction=none", 404), ("?campaign=9", 404)):
        assert claire.get(f"/overrides/decide/{asked}").status_code == status, asked


def test_the_parts_of_a_page_ask_one_thing(seen: Seen, django_assert_max_num_queries: Any) -> None:
    decided(seen)
    with django_assert_max_num_queries(1):
        part = pages.DecidedPart.of(seen.role, seen.skill, "prediction=1")
        assert [one.level for one in part.history] == [another(seen.predicted)]
