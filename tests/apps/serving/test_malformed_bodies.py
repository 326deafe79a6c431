"""Hundreds of bodies that are no question: each is refused as 4xx and told precisely why, and none is in the log."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as pace
from hypothesis import strategies as st

from apps.accounts.rights import Right
from apps.registry.models import Deployment
from apps.serving.models import Prediction
from future_skills.schema import NUMERIC_FEATURES

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("BODIES", "300"))
"""How many bodies are made up; BODIES=10000 for the bar of the benchmarks."""

PAIR = {"job_role_name": "Chargé de recrutement", "skill_name": "Analyse statistique"}
TEXTS = ("job_role_name", "skill_name", "skill_category", "job_department")

# What JSON can hold and a field cannot: a number out of range, another type, a text that no database keeps.
not_a_number = st.one_of(
    st.text(max_size=5), st.booleans(), st.lists(st.integers(), max_size=2), st.just({}), st.just(float("inf")),
    st.floats(min_value=1e31, allow_infinity=False), st.floats(max_value=-1e31, allow_infinity=False),
)  # fmt: skip
not_a_name = st.one_of(
    st.none(), st.integers(), st.booleans(), st.just(""), st.just(" \t"), st.just([]), st.just({"a": 1}),
    st.text(min_size=201, max_size=210, alphabet="ab"), st.just("a\0b"), st.just("\ud800"),
)  # fmt: skip
not_a_text = st.one_of(
    st.integers(), st.booleans(), st.just([]), st.text(min_size=201, max_size=210, alphabet="é"), st.just("\0")
)
wrong_field = st.one_of(
    st.tuples(st.sampled_from(NUMERIC_FEATURES), not_a_number),
    st.tuples(st.sampled_from(TEXTS[:2]), not_a_name),
    st.tuples(st.sampled_from(TEXTS[2:]), not_a_text),
    st.tuples(
        st.text(min_size=1, max_size=12).filter(lambda name: name not in (*TEXTS, *NUMERIC_FEATURES)), st.integers()
    ),
)
wrong_row = st.one_of(
    wrong_field.map(lambda field: PAIR | {field[0]: field[1]}),
    st.sampled_from(TEXTS[:2]).map(lambda name: {key: value for key, value in PAIR.items() if key != name}),
    st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
)  # fmt: skip
wrong_rows = st.one_of(
    st.tuples(st.integers(0, 4), wrong_row).map(lambda placed: [PAIR] * placed[0] + [placed[1]]),
    st.just([]), st.none(), st.integers(), st.text(max_size=5), st.just({}), st.just(PAIR),
)  # fmt: skip
wrong_document = st.one_of(
    wrong_rows.map(lambda rows: {"rows": rows}),
    st.just({}), st.none(), st.integers(), st.lists(st.just(PAIR), max_size=2), st.text(max_size=5),
    st.text(min_size=1, max_size=8).filter(lambda name: name != "rows").map(lambda name: {"rows": [PAIR], name: 1}),
)  # fmt: skip
whole = json.dumps({"rows": [PAIR]})
wrong_bytes = st.one_of(
    wrong_document.map(lambda document: json.dumps(document).encode()),
    st.integers(0, len(whole) - 1).map(lambda end: whole[:end].encode()),
    st.integers(0, len(whole) - 1).map(lambda place: whole[:place].encode() + b"\xff" + whole[place:].encode()),
    st.binary(max_size=30).filter(lambda content: not content.strip().isdigit()),
)


@pytest.fixture
def client(live: Deployment, token: Callable[..., dict[str, str]], settings: Any) -> Client:
    settings.FUTURE_SKILLS_REQUESTS_PER_MINUTE = 1_000_000
    return Client(headers={"accept-language": "en"} | token(Right.READ), raise_request_exception=False)


@pace(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=wrong_bytes)
def test_a_malformed_body_is_told_what_is_wrong_and_is_not_logged(client: Client, body: bytes) -> None:
    with transaction.atomic():
        response = client.generic("POST", "/api/v1/predictions", body, content_type="application/json")
    problem: dict[str, Any] = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.status_code in {400, 422}, problem
    assert problem["code"] in {"usage", "request_invalid", "rows_invalid"}
    precise = {
        "usage": lambda: re.search(r"line \d+ column \d+|utf-8", problem["detail"].lower()),
        "request_invalid": lambda: all(
            one["where"].startswith("body") and one["reason"] for one in problem["details"]["problems"]
        ),
        "rows_invalid": lambda: all(one["column"] and one["reason"] for one in problem["details"]["rows"]),
    }
    assert precise[problem["code"]](), problem
    assert not Prediction.objects.exists()


def test_the_body_that_the_others_are_spoilt_from_is_answered(client: Client) -> None:
    assert client.generic("POST", "/api/v1/predictions", whole, content_type="application/json").status_code == 200
    assert Prediction.objects.count() == 1
