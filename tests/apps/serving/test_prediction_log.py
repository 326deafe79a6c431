"""Every answer of production is in the log before it leaves, with all it was made of; what is not answered is not there."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.registry.models import Deployment
from apps.registry.services.deployments import suspend
from apps.serving import log, predictions
from apps.serving.ids import moment_of
from apps.serving.log import AT_ONCE
from apps.serving.models import Prediction
from apps.serving.reader import LiveReader
from future_skills import schema
from future_skills.dataset import with_history_features
from future_skills.errors import PredictionLogError
from tests.apps.registry.promotion import OLIVIER

pytestmark = pytest.mark.django_db

Ask = Callable[..., Any]


@pytest.fixture
def pairs_of_today(facts: pl.DataFrame) -> list[dict[str, str]]:
    """Every pair of the last period, as rows of a request."""
    latest = facts.filter(period=facts[schema.PERIOD].max())
    return latest.select(schema.ROLE, schema.SKILL).to_dicts()


def question(rows: Sequence[Any]) -> str:
    return json.dumps({"rows": rows})


# --- What is logged -----------------------------------------------------------------------------------------------------
def test_an_answer_is_in_the_log_under_the_identifier_it_carries(
    ask: Ask, live: Deployment, pairs_of_today: list[dict[str, str]]
) -> None:
    answer = ask("POST", "predictions", question([pairs_of_today[0] | {"trend_score": 99}])).json()
    said = answer["predictions"][0]
    line = Prediction.objects.get()
    assert (str(line.id), str(line.request_id)) == (said["id"], answer["request_id"])
    assert (line.deployment_id, line.version) == (live.pk, "v1")
    assert (line.requester, line.requester_source) == ("olivier", "token")
    assert (line.role, line.skill, line.period) == (said["job_role_name"], said["skill_name"], said["period"])
    assert (line.level, line.probabilities) == (said["level"], said["probabilities"])
    assert line.current_level == (said["current_need_level"] or "")
    assert line.warnings == [warning["code"] for warning in said["warnings"]]
    assert "out_of_range" in line.warnings
    assert line.at == moment_of(line.id)
    assert line.abstained is said["abstained"]


def test_the_log_holds_what_the_version_had_read(
    ask: Ask, live: Deployment, facts: pl.DataFrame, pairs_of_today: list[dict[str, str]]
) -> None:
    rows = pairs_of_today[:3]
    ask("POST", "predictions", question([*rows, rows[0] | {"trend_score": 1, "avg_salary_k": None}]))
    period = facts[schema.PERIOD].max()
    exported = with_history_features(facts.filter(period=period), facts)
    read = [line.inputs for line in Prediction.objects.order_by("id")]
    columns = predictions.LIVE.live().predictor.columns
    for row, inputs in zip(rows, read, strict=False):
        assert inputs == exported.filter(**row).select(columns).row(0, named=True)
    assert read[3] == read[0] | {"trend_score": 1.0, "avg_salary_k": None}


def test_every_answer_of_a_large_request_is_logged_in_the_order_of_its_rows(
    ask: Ask, live: Deployment, pairs_of_today: list[dict[str, str]]
) -> None:
    rows = [*pairs_of_today, *pairs_of_today[:AT_ONCE]]
    assert len(rows) > 2 * AT_ONCE
    answer = ask("POST", "predictions", question(rows)).json()
    lines = list(Prediction.objects.order_by("id"))
    assert [str(line.id) for line in lines] == [one["id"] for one in answer["predictions"]]
    assert [{schema.ROLE: line.role, schema.SKILL: line.skill} for line in lines] == rows
    assert {line.request_id for line in lines} == {UUID(answer["request_id"])}
    assert len({line.at for line in lines}) == 1


def test_the_command_is_logged_with_who_ran_it_and_a_trial_is_not(
    run: Callable[..., tuple[int, str, str]], live: Deployment, pairs_of_today: list[dict[str, str]]
) -> None:
    words = ("--role", pairs_of_today[0][schema.ROLE], "--skill", pairs_of_today[0][schema.SKILL])
    trial = json.loads(run("predict", *words, "--version", "v1", "--json", "--as", "nadia")[1])
    assert (trial["request_id"], trial["predictions"][0]["id"], Prediction.objects.count()) == (None, None, 0)
    answer = json.loads(run("predict", *words, "--json", "--as", "nadia")[1])
    line = Prediction.objects.get()
    assert (line.requester, line.requester_source) == ("nadia", "declared")
    assert answer["predictions"][0]["id"] == str(line.id)


def test_a_line_is_never_changed(ask: Ask, live: Deployment, pairs_of_today: list[dict[str, str]]) -> None:
    ask("POST", "predictions", question(pairs_of_today[:1]))
    line = Prediction.objects.get()
    line.level = schema.HIGH
    with pytest.raises(TypeError, match="never changed"):
        line.save()
    with pytest.raises(TypeError, match="never changed"):
        Prediction.objects.update(level=schema.HIGH)
    with pytest.raises(TypeError, match="never changed"):
        Prediction.objects.bulk_update([line], ["level"])


# --- What is not --------------------------------------------------------------------------------------------------------
def test_what_was_refused_is_not_logged(
    ask: Ask, live: Deployment, pairs_of_today: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {schema.ROLE: "a", schema.SKILL: "b"}
    assert ask("POST", "predictions", question([*pairs_of_today[:5], unknown])).status_code == 422
    assert ask("POST", "predictions", question([pairs_of_today[0] | {"avg_salary_k": 1e300}])).status_code == 422
    assert ask("POST", "predictions", question([pairs_of_today[0] | {"skill_category": "\0"}])).status_code == 422
    assert ask("POST", "predictions", question([pairs_of_today[0] | {"unknown": 1}])).status_code == 400
    suspend(actor=OLIVIER, reason="an audit")
    monkeypatch.setattr(predictions, "LIVE", LiveReader())  # a second later
    assert ask("POST", "predictions", question(pairs_of_today[:1])).status_code == 503
    assert Prediction.objects.count() == 0


def test_a_log_that_cannot_be_written_is_503_and_nothing_is_stored(
    ask: Ask, live: Deployment, pairs_of_today: list[dict[str, str]]
) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE serving_prediction RENAME TO lost")
        response = ask("POST", "predictions", question(pairs_of_today[:1]))
        transaction.set_rollback(True)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (503, "prediction_log_unavailable")
    assert "serving_prediction" in problem["details"]["problem"]
    assert "Nothing was answered and nothing was logged" in problem["detail"]
    assert Prediction.objects.count() == 0
    assert ask("POST", "predictions", question(pairs_of_today[:1])).status_code == 200


def test_a_large_request_whose_log_fails_half_way_leaves_no_line(
    live: Deployment, pairs_of_today: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    written, write = [], log._insert

    def fail_the_second_time(lines: Any) -> None:
        if written:
            raise OperationalError("disk full")
        written.extend(lines)
        write(lines)

    monkeypatch.setattr(log, "_insert", fail_the_second_time)
    with pytest.raises(PredictionLogError, match="disk full"):
        predictions.predict(pairs_of_today[: AT_ONCE + 1], actor=OLIVIER)
    assert (len(written), Prediction.objects.count()) == (AT_ONCE, 0)


# --- Reading it ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def read(token: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    """``read("predictions?role=x")``: the API's answer to an operator whose token may read the log."""
    client = Client(headers={"accept-language": "en"} | token(Right.READ_PREDICTIONS))
    return lambda address: client.get(f"/api/v1/{address}")


@pytest.fixture
def logged(live: Deployment, pairs_of_today: list[dict[str, str]]) -> list[dict[str, str]]:
    """Twelve answers in the log, of six requests: three by Olivier, three by Nadia."""
    for number in range(6):
        actor = OLIVIER if number % 2 else Actor("nadia", "declared")
        predictions.predict(pairs_of_today[number : number + 2], actor=actor)
    return pairs_of_today


def test_a_line_is_read_by_its_identifier_with_everything_it_holds(
    read: Callable[..., Any], logged: list[dict[str, str]]
) -> None:
    line = Prediction.objects.order_by("id").last()
    assert line is not None
    document = read(f"predictions/{line.id}").json()
    assert (document["id"], document["requester"], document["requester_source"]) == (str(line.id), "olivier", "login")
    assert document["inputs"] == line.inputs
    shares = document["probabilities"]
    assert document["score"] == pytest.approx(100 * (shares["HIGH"] + shares["MEDIUM"] / 2))
    assert document["confidence"] == max(shares.values())
    assert (document["model_version"], document["deployment"]) == ("v1", line.deployment_id)


@pytest.mark.parametrize("name", ["unknown", "00000000-0000-0000-0000-000000000000", "%00", "a" * 300])
def test_a_line_that_is_not_there_is_404(read: Callable[..., Any], name: str) -> None:
    response = read(f"predictions/{name}")
    assert (response.status_code, response.json()["code"]) == (404, "prediction_not_found")


def test_pages_go_through_the_whole_log_newest_first_and_only_once(
    read: Callable[..., Any], logged: list[dict[str, str]]
) -> None:
    seen, address = [], "predictions?limit=5"
    while address:
        page = read(address).json()
        seen += [one["id"] for one in page["predictions"]]
        address = page["next"] and f"predictions?limit=5&before={page['next']}"
    assert seen == [str(key) for key in Prediction.objects.order_by("-id").values_list("id", flat=True)]
    assert len(seen) == 12


def test_filters_keep_what_they_say(read: Callable[..., Any], logged: list[dict[str, str]], live: Deployment) -> None:
    def found(query: str) -> int:
        response = read(f"predictions?{query}")
        assert response.status_code == 200, response.json()
        return len(response.json()["predictions"])

    role, skill = logged[1][schema.ROLE], logged[1][schema.SKILL]
    today = timezone.localdate(Prediction.objects.latest("at").at).isoformat()
    assert found("requester=nadia") == 6
    assert found("requester=nad") == 0
    assert found(f"role={role}&skill={skill}") == 2
    assert sum(found(f"level={level}") for level in schema.LEVELS) == 12
    assert found(f"deployment={live.pk}") == found("version=v1") == 12
    assert found(f"deployment={live.pk + 1}") == found("version=v2") == 0
    assert found("from=2020-01-01") == found("to=2999-01-01") == 12
    assert found(f"from=2020-01-01&to={today}") == 12
    assert found("from=2999-01-01") == found("to=2020-01-01") == 0
    assert found(f"requester=nadia&role={role}&skill={skill}") == 1
    assert found("before=ffffffff-ffff-7fff-bfff-ffffffffffff") == 12
    assert found("before=00000000-0000-7000-8000-000000000000") == 0


@pytest.mark.parametrize(
    "query", ["level=low", "deployment=x", "deployment=0", "from=yesterday", "to=2026-02-30", "before=1", "limit=501"]
)
def test_a_filter_that_makes_no_sense_is_400(read: Callable[..., Any], query: str) -> None:
    assert read(f"predictions?{query}").status_code == 400


def test_asking_needs_only_the_right_to_read_and_reading_the_log_needs_its_own(
    ask: Ask, login: Callable[..., Client], logged: list[dict[str, str]]
) -> None:
    assert ask("POST", "predictions", question(logged[:1])).status_code == 200
    assert ask("GET", "predictions").json()["details"]["right"] == "read_predictions"
    for role in ("auditor", "operator", "data_scientist"):
        assert login(role).get("/api/v1/predictions").status_code == 200
    for role in ("drh_reviewer", "administrator"):
        assert login(role).get("/api/v1/predictions").status_code == 403
