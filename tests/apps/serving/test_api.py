"""The API's contract: one shape of refusal, one status of each, and an OpenAPI document that says what is there."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import numpy as np
import polars as pl
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.rights import Right
from apps.registry.models import Deployment, ModelVersion
from apps.registry.store import version_paths
from apps.serving import api as serving_api
from apps.serving.facts import TAKEN
from apps.serving.models import Prediction
from config.api import PREFIX, TAGS, openapi_document
from config.problems import STATUS
from future_skills.artifact import load_version
from future_skills.dataset import with_history_features
from future_skills.errors import FutureSkillsError
from future_skills.schema import NUMERIC_FEATURES
from tests.apps.registry import factories

pytestmark = pytest.mark.django_db

Ask = Callable[..., Any]
PROBLEM_KEYS = {"type", "title", "status", "code", "detail", "details", "instance"}


def refusal(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is, once its shape was found right."""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem.keys() == PROBLEM_KEYS
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"/api/v1/docs#{code}"
    assert problem["title"]
    assert problem["detail"]
    return problem


# --- Who asks -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer fs_00000000_nothing", "Basic b2xpdmllcjp4"])
def test_without_a_token_of_this_installation_it_is_401(header: str) -> None:
    response = Client().get("/api/v1/live", headers={"authorization": header} if header else {})
    refusal(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_that_was_not_given_the_right_gets_403(token: Callable[..., dict[str, str]]) -> None:
    response = Client().post(
        "/api/v1/suspend", {"reason": "x"}, content_type="application/json", headers=token(Right.READ)
    )
    problem = refusal(response, 403, "permission_denied")
    assert problem["details"]["right"] == "suspend"


def test_people_who_are_logged_in_may_read_and_need_a_csrf_token_to_act(login: Callable[..., Client]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies[settings.SESSION_COOKIE_NAME] = login("operator").cookies[settings.SESSION_COOKIE_NAME].value
    assert browser.get("/api/v1/me").json()["roles"] == ["operator"]
    refusal(browser.post("/api/v1/suspend", {"reason": "x"}, content_type="application/json"), 403, "access_refused")


# --- What cannot be asked -----------------------------------------------------------------------------------------------
def test_an_address_that_is_not_there_is_404(ask: Ask) -> None:
    for address in ("nowhere", "versions/", "../v2/live", "versions/v1/explode"):
        refusal(ask("GET", address), 404, "address_unknown")


def test_a_version_that_is_not_there_is_404(ask: Ask) -> None:
    problem = refusal(ask("GET", "versions/v9"), 404, "version_not_found")
    assert problem["details"]["version"] == "v9"
    assert problem["instance"] == "/api/v1/versions/v9"


def test_a_method_that_an_address_does_not_have_is_405_and_says_which_it_has(ask: Ask) -> None:
    response = ask("DELETE", "live")
    refusal(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "GET"
    refusal(ask("GET", "rollback"), 405, "method_not_allowed")
    refusal(ask("OPTIONS", "versions"), 405, "method_not_allowed")


def test_head_is_answered_as_get_without_its_body(ask: Ask) -> None:
    response = ask("HEAD", "versions")
    assert (response.status_code, response.content) == (200, b"")


def test_a_parameter_with_a_slip_is_refused_rather_than_passed_over(ask: Ask) -> None:
    problem = refusal(ask("GET", "versions?limt=3"), 400, "request_invalid")
    assert problem["details"]["problems"][0]["where"] == "query.limt"
    assert "limit" in problem["detail"]
    refusal(ask("POST", "predictions?dry=1", '{"rows": []}'), 400, "request_invalid")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=1.5", "offset=-1", "sort=name", "sort=--date", f"q={'a' * 101}"]
)
def test_a_parameter_out_of_range_is_refused(ask: Ask, query: str) -> None:
    problem = refusal(ask("GET", f"versions?{query}"), 400, "request_invalid")
    assert problem["details"]["problems"][0]["where"] == f"query.{query.partition('=')[0]}"


def test_a_parameter_that_is_missing_is_named(ask: Ask) -> None:
    problem = refusal(ask("GET", "compare?reference=v1"), 400, "request_invalid")
    assert problem["details"]["problems"] == [{"where": "query.challenger", "value": "—", "reason": "it is required"}]


def test_a_moment_that_is_none_is_refused(ask: Ask) -> None:
    problem = refusal(ask("GET", "deployments?at=yesterday"), 400, "request_invalid")
    assert "2026-03-03T10:00" in problem["detail"]


# --- Bodies -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", ["{", '{"rows": [NaN]}', '{"rows": [1,]}', "\ufeff{}", '"\\ud800"'])
def test_a_body_that_is_no_json_is_400(ask: Ask, body: str) -> None:
    refusal(ask("POST", "predictions", body), 400, "usage")


def test_a_body_that_is_not_utf8_is_400(ask: Ask) -> None:
    refusal(ask("POST", "predictions", b'{"rows": "\xff"}'), 400, "usage")


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_a_body_of_another_kind_is_415(ask: Ask, kind: str) -> None:
    problem = refusal(ask("POST", "predictions", '{"rows": []}', content_type=kind), 415, "body_not_json")
    assert "application/json" in problem["detail"]


def test_a_body_that_is_too_large_is_413(ask: Ask, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    problem = refusal(ask("POST", "predictions", json.dumps({"rows": ["x" * 1000]})), 413, "body_too_large")
    assert problem["details"]["most"] == 1000


def test_a_body_that_does_not_say_how_long_it_is_is_411(ask: Ask) -> None:
    response = ask("POST", "predictions", "{}", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="")
    refusal(response, 411, "length_required")


@pytest.mark.parametrize(
    ("body", "where", "reason"),
    [
        ("", "body", "it is required"),
        ("null", "body", "it must be an object"),
        ("[]", "body", "it must be an object"),
        ("{}", "body.rows", "it is required"),
        ('{"rows": []}', "body.rows", "at least 1"),
        ('{"rows": {}}', "body.rows", "it must be a list"),
        ('{"rows": [1]}', "body.rows[0]", "it must be an object"),
        ('{"rows": [{"skill_name": "a"}]}', "body.rows[0].job_role_name", "it is required"),
        ('{"rows": [{"job_role_name": " ", "skill_name": "a"}]}', "body.rows[0].job_role_name", "at least 1"),
        ('{"rows": [{"job_role_name": null, "skill_name": "a"}]}', "body.rows[0].job_role_name", "it must be a text"),
        (
            f'{{"rows": [{{"job_role_name": "a", "skill_name": "{"a" * 201}"}}]}}',
            "body.rows[0].skill_name",
            "at most 200",
        ),
        ('{"rows": [{"job_role_name": "a", "skill_name": "b", "trend": 1}]}', "body.rows[0].trend", "no such field"),
        (
            '{"rows": [{"job_role_name": "a", "skill_name": "b", "trend_score": "1"}]}',
            "body.rows[0].trend_score",
            "a number",
        ),
        (
            '{"rows": [{"job_role_name": "a", "skill_name": "b", "trend_score": true}]}',
            "body.rows[0].trend_score",
            "a number",
        ),
        (
            '{"rows": [{"job_role_name": "a", "skill_name": "b", "skill_category": 1}]}',
            "body.rows[0].skill_category",
            "a text",
        ),
        ('{"rows": [{"job_role_name": "a", "skill_name": "b"}], "version": "v1"}', "body.version", "no such field"),
        (
            '{"rows": [{"job_role_name": "a", "skill_name": "b", "need_memory": 1}]}',
            "body.rows[0].need_memory",
            "no such field",
        ),
    ],
)
def test_a_body_that_does_not_follow_its_schema_is_400_with_each_mistake(
    ask: Ask, body: str, where: str, reason: str
) -> None:
    problem = refusal(ask("POST", "predictions", body), 400, "request_invalid")
    found = problem["details"]["problems"][0]
    assert found["where"] == where
    assert reason in found["reason"]


def test_ten_thousand_rows_are_the_most(ask: Ask) -> None:
    rows = [{"job_role_name": "a", "skill_name": "b"}] * 10_001
    problem = refusal(ask("POST", "predictions", json.dumps({"rows": rows})), 400, "request_invalid")
    assert "at most 10000" in problem["detail"]


# --- What the server cannot do ------------------------------------------------------------------------------------------
ROW = '{"rows": [{"job_role_name": "a", "skill_name": "b"}]}'


def test_nothing_in_production_is_503(ask: Ask) -> None:
    refusal(ask("GET", "live"), 503, "nothing_live")
    refusal(ask("POST", "predictions", ROW), 503, "nothing_live")


def test_a_database_without_its_tables_is_503(ask: Ask) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE registry_deployment RENAME TO lost")
    problem = refusal(ask("POST", "predictions", ROW), 503, "storage_failed")
    assert "registry_deployment" in problem["detail"]


def test_a_fault_of_the_product_is_500_and_says_nothing_of_its_inside(
    token: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving_api.predictions, "predict", lambda rows, *, actor: 1 / 0)
    browser = Client(raise_request_exception=False)
    response = browser.post("/api/v1/predictions", ROW, content_type="application/json", headers=token(Right.READ))
    assert (response.status_code, response.headers["Content-Type"]) == (500, "application/problem+json")
    assert response.json()["code"] == "internal_error"
    assert "division" not in response.content.decode()
    assert any(record.exc_info and "/api/v1/predictions" in record.getMessage() for record in caplog.records)


def test_a_host_that_is_not_this_server_is_400() -> None:
    response = Client().get("/api/v1/live", headers={"host": "elsewhere.example"})
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["code"] == "usage"


def test_a_refusal_speaks_the_language_of_the_request_and_its_code_does_not(ask: Ask) -> None:
    english = refusal(ask("GET", "versions/v9"), 404, "version_not_found")
    french = refusal(ask("GET", "versions/v9", language="fr"), 404, "version_not_found")
    assert english["detail"].startswith("There is no version v9.")
    assert french["detail"].startswith("Il n’y a pas de version v9.")


def test_every_refusal_of_the_product_has_a_status_and_a_line_on_the_page(ask: Ask) -> None:
    page = ask("GET", "docs").content.decode()
    kinds, pending = [], [FutureSkillsError]
    while pending:
        kinds.append(kind := pending.pop())
        pending += kind.__subclasses__()
    assert len(kinds) > 40
    for kind in kinds:
        status = next(status for base, status in STATUS if issubclass(kind, base))
        assert f'<tr id="{kind.code}">' in page, kind
        assert 400 <= status < 600


# --- What it says of itself ---------------------------------------------------------------------------------------------
def operations_of_the_url_table() -> set[tuple[str, str]]:
    """(method, address) of every operation of the API."""
    found: set[tuple[str, str]] = set()

    def walk(patterns: list[Any], before: str) -> None:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "operations"):
                address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
                found.update((method.lower(), address) for method in pattern.callback.operations)

    walk(get_resolver().url_patterns, "/")
    return found


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [one for value in node.values() for one in references(value)]
    return [one for value in node for one in references(value)] if isinstance(node, list) else []


def test_the_openapi_document_has_every_operation_once(ask: Ask) -> None:
    response = ask("GET", "openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    document = response.json()
    assert document["openapi"] == "3.1.0"
    described = {(method, address) for address, methods in document["paths"].items() for method in methods}
    assert described == operations_of_the_url_table()
    assert {("post", "/api/v1/predictions"), ("get", "/api/v1/live"), ("get", "/api/v1/versions/{name}")} <= described
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        assert operation["summary"]
        assert set(operation["tags"]) <= TAGS.keys()
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        assert {next(iter(way)) for way in operation["security"]} <= document["components"]["securitySchemes"].keys()


def test_the_openapi_document_is_valid(ask: Ask) -> None:
    document = ask("GET", "openapi.json").json()
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for address, methods in document["paths"].items():
        for operation in methods.values():
            inside = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
            assert inside == re.findall(r"{(\w+)}", address)
            assert all(parameter["required"] for parameter in operation["parameters"] if parameter["in"] == "path")
            for parameter in operation["parameters"]:
                jsonschema.Draft202012Validator.check_schema(parameter["schema"])


def test_answers_follow_the_schemas_they_are_described_by(ask: Ask, login: Callable[..., Client]) -> None:
    factories.version("v1")
    factories.version("v2", history=True)
    document = openapi_document("en")
    asked = {"/api/v1/versions/{name}": "versions/v1", "/api/v1/compare": "compare?reference=v1&challenger=v2"}
    seen = set()
    for address, methods in document["paths"].items():
        if "get" not in methods or ("{" in address and address not in asked):
            continue
        response = ask("GET", asked.get(address, address.removeprefix(PREFIX)))
        if response.status_code == 200:
            schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema.Draft202012Validator(schema | {"components": document["components"]}).validate(response.json())
            seen.add(address)
        else:
            problem = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
            jsonschema.Draft202012Validator(problem).validate(response.json())
    assert {"/api/v1/versions", "/api/v1/versions/{name}", "/api/v1/deployments", "/api/v1/me"} <= seen


def test_the_page_of_the_api_is_there_for_everybody_in_both_languages() -> None:
    known = {"fr": "Il n’y a pas de version {version}.", "en": "There is no version {version}."}
    for language, words in known.items():
        page = Client().get("/api/v1/docs", headers={"accept-language": language})
        text = page.content.decode()
        assert page.status_code == 200
        assert f'<html lang="{language}">' in text
        assert words in text
        assert "POST /api/v1/predictions" in text
        assert "rows[].job_role_name" in text
        assert " style=" not in text
        assert "<script>" not in text


# --- What it answers ----------------------------------------------------------------------------------------------------
@pytest.fixture
def rows(facts: pl.DataFrame) -> list[dict[str, str]]:
    """Three pairs of the last period."""
    latest = facts.filter(period=facts["period"].max())
    return latest.select("job_role_name", "skill_name").head(3).to_dicts()


def test_the_live_version_answers_in_the_order_of_the_rows(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    deployment = deploy("v1")
    answer = ask("POST", "predictions", json.dumps({"rows": rows})).json()
    assert (answer["model_version"], answer["deployment"]) == ("v1", deployment.pk)
    assert [{name: one[name] for name in rows[0]} for one in answer["predictions"]] == rows
    for one in answer["predictions"]:
        shares = one["probabilities"]
        assert sum(shares.values()) == pytest.approx(1)
        assert one["level"] == max(shares, key=shares.get)
        assert one["score"] == pytest.approx(100 * (shares["HIGH"] + shares["MEDIUM"] / 2))
        assert one["confidence"] == max(shares.values())
        expected = None if one["current_need_level"] in {None, "HIGH"} else shares["HIGH"]
        assert one["emergence"] == expected
    schema = {"$ref": "#/components/schemas/PredictionsDocument", "components": openapi_document("en")["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


def test_reasons_are_given_where_they_are_asked(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    deploy("v1")
    deploy("v2")
    plain = ask("POST", "predictions", json.dumps({"rows": rows})).json()
    assert [one["reasons"] for one in plain["predictions"]] == [None] * len(rows)
    answer = ask("POST", "predictions", json.dumps({"rows": rows, "reasons": True})).json()
    for one, before in zip(answer["predictions"], plain["predictions"], strict=True):
        assert one["probabilities"] == before["probabilities"]
        why = one["reasons"]
        for level, chance in one["probabilities"].items():
            added = sum(part["effects"][level] for part in why["contributions"]) + why["caution"][level]
            assert why["average"][level] + added == pytest.approx(chance, abs=1e-9)
        assert why["text"]["fr"]["level"] != why["text"]["en"]["level"]
    schema = {"$ref": "#/components/schemas/PredictionsDocument", "components": openapi_document("en")["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer)


def test_an_answer_with_too_little_to_stand_on_says_so_and_so_does_its_line(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]], facts: pl.DataFrame
) -> None:
    deploy("v1")
    values = facts.select(*TAKEN).drop_nulls().row(0, named=True)
    unheard = {"job_role_name": "Cartographe lunaire", "skill_name": rows[0]["skill_name"], **values}
    said = ask("POST", "predictions", json.dumps({"rows": [unheard]})).json()["predictions"][0]
    assert (said["abstained"], said["level"] in {"LOW", "MEDIUM", "HIGH"}) == (True, True)
    assert Prediction.objects.get(pk=said["id"]).abstained


def test_reasons_of_too_many_rows_are_refused_and_nothing_is_logged(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    deploy("v1")
    many = [rows[place % len(rows)] for place in range(101)]
    refused = ask("POST", "predictions", json.dumps({"rows": many, "reasons": True}))
    assert refused.status_code == 400
    assert "100" in refused.json()["detail"]
    assert not Prediction.objects.exists()


def test_the_answer_is_what_the_model_itself_says_of_the_exported_row(
    ask: Ask, deploy: Callable[[str], Deployment], facts: pl.DataFrame, pairs: Path
) -> None:
    deploy("v1")
    version = deploy("v2").version
    period = facts["period"].max()
    asked = facts.filter(period=period).select("job_role_name", "skill_name")
    answer = ask("POST", "predictions", json.dumps({"rows": asked.to_dicts()})).json()
    assert answer["model_version"] == "v2"

    exported = with_history_features(facts.filter(period=period), facts)
    model = load_version(pairs / f"future_skills_model_{version.name}.pkl").model
    expected = asked.join(exported, on=["job_role_name", "skill_name"], how="left", maintain_order="left")
    said = np.array([[one["probabilities"][level] for level in model.classes_] for one in answer["predictions"]])
    assert said == pytest.approx(model.predict_proba(expected), abs=1e-12)


def test_warnings_say_what_to_know_before_trusting_an_answer(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    deploy("v1")
    everything = {"skill_category": "x", "job_department": "y"} | dict.fromkeys(NUMERIC_FEATURES, 1e6)
    body = {"rows": [rows[0] | {"trend_score": 99}, {"job_role_name": "a", "skill_name": "b"} | everything]}
    known, unknown = ask("POST", "predictions", json.dumps(body)).json()["predictions"]
    out_of_range = {one["details"]["column"]: one for one in known["warnings"] if one["code"] == "out_of_range"}
    assert "trend_score: 99 is outside" in out_of_range["trend_score"]["message"]
    codes = {one["code"] for one in unknown["warnings"]}
    assert {"no_history", "unknown_role", "unknown_skill", "unknown_category", "out_of_range"} <= codes
    assert unknown["period"] is None


def test_a_pair_that_nobody_knows_is_422_with_names_like_it(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    deploy("v1")
    slip = rows[0] | {"skill_name": rows[0]["skill_name"] + "s"}
    problem = refusal(ask("POST", "predictions", json.dumps({"rows": [rows[1], slip]})), 422, "pair_unknown")
    assert problem["details"]["row"] == 1
    assert rows[0]["skill_name"] in problem["details"]["near"]


def test_a_number_that_no_model_can_read_is_422(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    deploy("v1")
    body = json.dumps({"rows": [rows[0] | {"avg_salary_k": 1e300}]})
    problem = refusal(ask("POST", "predictions", body), 422, "rows_invalid")
    assert problem["details"]["rows"][0] | {"reason": ""} == {
        "row": 0,
        "column": "avg_salary_k",
        "value": "1e+300",
        "reason": "",
    }


def test_suspended_predictions_are_503_with_the_reason_and_live_says_so(
    ask: Ask,
    deploy: Callable[[str], Deployment],
    rows: list[dict[str, str]],
    token: Callable[..., dict[str, str]],
) -> None:
    deploy("v1")
    operator = Client(headers=token(Right.SUSPEND))
    suspended = operator.post("/api/v1/suspend", {"reason": "an audit"}, content_type="application/json")
    assert (suspended.status_code, suspended.json()["started_by"]) == (201, "olivier")
    problem = refusal(ask("POST", "predictions", json.dumps({"rows": rows})), 503, "model_suspended")
    assert problem["details"]["reason"] == "an audit"
    assert ask("GET", "live").json()["suspension"]["reason"] == "an audit"
    assert operator.post("/api/v1/resume", {}, content_type="application/json").status_code == 200
    assert ask("GET", "live").json()["suspension"] is None


def test_a_spoiled_model_is_503_and_named(
    ask: Ask, deploy: Callable[[str], Deployment], rows: list[dict[str, str]]
) -> None:
    path = version_paths(deploy("v1").version).model
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    problem = refusal(ask("POST", "predictions", json.dumps({"rows": rows})), 503, "artifact_hash_mismatch")
    assert problem["details"]["path"] == str(path)


def test_an_operator_rolls_back_through_the_api_and_history_follows(
    ask: Ask, deploy: Callable[[str], Deployment], token: Callable[..., dict[str, str]]
) -> None:
    first, second = deploy("v1"), deploy("v2")
    operator = Client(headers={"accept-language": "en"} | token(Right.DEPLOY))
    body = {"reason": "v2 disappoints", "seen": second.pk}
    done = operator.post("/api/v1/rollback", body, content_type="application/json")
    assert (done.status_code, done.json()["version"], done.json()["previous"]) == (201, "v1", "v2")
    again = operator.post("/api/v1/rollback", body, content_type="application/json")
    refusal(again, 409, "deployed_meanwhile")
    history = ask("GET", "deployments?limit=2").json()
    assert history["total"] == 3
    assert [one["version"] for one in history["deployments"]] == ["v1", "v2"]
    then = ask("GET", f"deployments?at={quote(second.started_at.isoformat())}").json()
    assert [one["id"] for one in then["deployments"]] == [second.pk]
    assert ask("GET", "live").json()["deployment"]["kind"] == "rollback"
    assert first.pk != second.pk


def test_a_candidate_is_not_deployed_without_its_criteria(
    registered: list[ModelVersion], token: Callable[..., dict[str, str]]
) -> None:
    operator = Client(headers=token(Right.DEPLOY))
    response = operator.post("/api/v1/versions/v1/deploy", {}, content_type="application/json")
    problem = refusal(response, 409, "not_promotable")
    assert problem["details"]["checks"]
