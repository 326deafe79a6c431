"""Rows completed from the facts: the latest snapshot of the pair, its history, and what was given instead."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from apps.accounts.actors import Actor
from apps.serving.facts import FEW, CompletedRows, Facts, FactsReader
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.dataset import HISTORY_COLUMNS, with_history_features
from future_skills.errors import InvalidRowsError, UnknownPairError
from future_skills.history import HISTORY_FEATURES

ALL = (*schema.BASE_FEATURES, *HISTORY_COLUMNS)

MODEL_OF_HISTORY = (*schema.NUMERIC_FEATURES, *HISTORY_COLUMNS)


def frame(completed: CompletedRows) -> pl.DataFrame:
    """The values as a frame, however many rows there are."""
    if isinstance(completed.values, pl.DataFrame):
        return completed.values
    return pl.DataFrame(completed.values, infer_schema_length=None)


def pair(role: str, skill: str, **given: Any) -> dict[str, Any]:
    return {schema.ROLE: role, schema.SKILL: skill, **given}


@pytest.fixture(scope="module")
def snapshots(small_company: pl.DataFrame) -> pl.DataFrame:
    """The company, some of whose pairs are listed no more in the last periods."""
    return small_company


@pytest.fixture(scope="module")
def latest(snapshots: pl.DataFrame) -> pl.DataFrame:
    return snapshots.sort(schema.PERIOD).unique(subset=[schema.ROLE, schema.SKILL], keep="last", maintain_order=True)


def test_rows_are_what_an_export_of_the_same_facts_would_hold(snapshots: pl.DataFrame, latest: pl.DataFrame) -> None:
    exported = with_history_features(latest, snapshots).select(schema.PERIOD, *ALL)
    completed = Facts(snapshots).complete(latest.select(schema.ROLE, schema.SKILL).to_dicts(), columns=ALL)
    assert len(set(completed.periods)) > 2
    assert list(completed.periods) == exported[schema.PERIOD].to_list()
    assert frame(completed).select(ALL).equals(exported.select(ALL))
    assert completed.inputs(ALL) == exported.select(ALL).to_dicts()


def test_a_few_rows_are_completed_one_by_one_to_the_same_values_as_many(
    snapshots: pl.DataFrame, latest: pl.DataFrame
) -> None:
    known = latest.select(schema.ROLE, schema.SKILL).to_dicts()[: FEW - 2]
    given = {"trend_score": 1, "avg_salary_k": None, "skill_category": " New ", "job_department": ""}
    rows = [*known, pair("a", "b", **dict.fromkeys(schema.NUMERIC_FEATURES, 2)), known[0] | given]
    few, many = (Facts(snapshots).complete(asked, columns=MODEL_OF_HISTORY) for asked in (rows, rows + known))
    assert (isinstance(few.values, list), isinstance(many.values, pl.DataFrame)) == (True, True)
    assert few.inputs(ALL) == many.inputs(ALL)[: len(rows)]
    assert list(few.periods) == list(many.periods)[: len(rows)]
    assert list(few.pairs) == list(many.pairs)[: len(rows)]
    assert few.warnings == {place: one for place, one in many.warnings.items() if place < len(rows)}
    assert few.inputs(tuple(given))[-1] == given | {"trend_score": 1.0, "skill_category": "New", "job_department": None}


def test_no_rows_are_completed_to_no_rows(snapshots: pl.DataFrame) -> None:
    completed = Facts(snapshots).complete([], columns=ALL)
    assert (completed.inputs(ALL), list(completed.periods), completed.warnings) == ([], [], {})


def test_what_is_given_wins_and_null_is_a_missing_value(snapshots: pl.DataFrame, latest: pl.DataFrame) -> None:
    known = latest.row(-1, named=True)
    row = pair(f" {known[schema.ROLE]} ", known[schema.SKILL], trend_score=1, avg_salary_k=None, skill_category="New")
    completed = Facts(snapshots).complete([row, pair(known[schema.ROLE], known[schema.SKILL])], columns=ALL)
    given, taken = completed.inputs(ALL)
    assert (given["trend_score"], given["avg_salary_k"], given["skill_category"]) == (1.0, None, "New")
    assert given[schema.ROLE] == known[schema.ROLE]
    assert given["internal_usage"] == taken["internal_usage"] == known["internal_usage"]
    assert taken["trend_score"] == known["trend_score"]
    assert [given[name] for name in HISTORY_FEATURES] == [taken[name] for name in HISTORY_FEATURES]


def test_a_pair_that_is_listed_no_more_is_answered_from_its_last_snapshot_with_a_warning(
    snapshots: pl.DataFrame, latest: pl.DataFrame
) -> None:
    newest = snapshots[schema.PERIOD].max()
    gone = latest.filter(pl.col(schema.PERIOD) < newest).row(0, named=True)
    completed = Facts(snapshots).complete([pair(gone[schema.ROLE], gone[schema.SKILL])], columns=ALL)
    assert completed.periods == (gone[schema.PERIOD],)
    warning = completed.warnings[0]
    assert (warning.code, warning.details) == ("old_snapshot", {"period": gone[schema.PERIOD], "newest": newest})


def test_a_pair_without_a_snapshot_has_no_history_and_is_warned_of(snapshots: pl.DataFrame) -> None:
    values = dict.fromkeys(schema.NUMERIC_FEATURES, 0.5)
    completed = Facts(snapshots).complete([pair("Astronaut", "Python", **values)], columns=MODEL_OF_HISTORY)
    row = completed.inputs(ALL)[0]
    assert {row[name] for name in (*HISTORY_COLUMNS, "skill_category")} == {None}
    assert row["trend_score"] == 0.5
    assert (completed.periods, completed.warnings[0].code) == ((None,), "no_history")


def test_a_pair_without_a_snapshot_must_give_everything_the_model_reads(
    snapshots: pl.DataFrame, latest: pl.DataFrame
) -> None:
    known = latest.row(0, named=True)
    rows = [pair(known[schema.ROLE], known[schema.SKILL]), pair(known[schema.ROLE], "Astronautics", trend_score=0.1)]
    with pytest.raises(UnknownPairError) as refusal:
        Facts(snapshots).complete(rows, columns=MODEL_OF_HISTORY)
    assert refusal.value.details["row"] == 1
    assert refusal.value.details["columns"] == ", ".join(schema.NUMERIC_FEATURES[1:])


def test_a_name_with_a_slip_is_told_which_names_are_like_it(snapshots: pl.DataFrame, latest: pl.DataFrame) -> None:
    role, skill = latest.row(0, named=True)[schema.ROLE], latest.row(0, named=True)[schema.SKILL]
    with pytest.raises(UnknownPairError) as refusal:
        Facts(snapshots).complete([pair(role.upper()[:-1], skill)], columns=ALL)
    assert f"Did you mean “{role}”" in str(refusal.value)
    assert skill not in refusal.value.details["near"]
    with pytest.raises(UnknownPairError, match="import a snapshot of the pair"):
        Facts(snapshots).complete([pair("xyz", "zyx")], columns=ALL)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("trend_score", "high", "not a number"),
        ("trend_score", float("nan"), "not a finite number"),
        ("avg_salary_k", 1e31, "too large"),
        ("skill_category", 3, "not text"),
        ("skill_category", "a\0b", "a NUL character"),
        ("job_department", "\udcff", "not UTF-8"),
    ],
)
def test_a_value_that_no_model_reads_is_refused_with_its_place(
    snapshots: pl.DataFrame, name: str, value: Any, reason: str
) -> None:
    with pytest.raises(InvalidRowsError, match=reason) as refusal:
        Facts(snapshots).complete([pair("a", "b"), pair("a", "b", **{name: value})], columns=ALL)
    found: Mapping[str, Any] = refusal.value.details["rows"][0]
    assert (found["row"], found["column"]) == (1, name)


@pytest.mark.django_db
def test_an_installation_without_facts_answers_for_no_pair_it_is_not_told_about() -> None:
    empty, values = FactsReader().now(), dict.fromkeys(schema.NUMERIC_FEATURES, 1.0)
    empty.prepare(MODEL_OF_HISTORY)
    assert empty.complete([pair("a", "b", **values)], columns=MODEL_OF_HISTORY).periods == (None,)
    with pytest.raises(UnknownPairError):
        empty.complete([pair("a", "b")], columns=MODEL_OF_HISTORY)


@pytest.mark.django_db
def test_facts_are_read_again_once_they_have_changed_and_not_before(
    facts: pl.DataFrame, analyst: Actor, django_assert_num_queries: Any
) -> None:
    reader, known = FactsReader(), facts.filter(period=facts[schema.PERIOD].max()).head(1)
    row = known.select(schema.ROLE, schema.SKILL).row(0, named=True)
    before = reader.now()
    assert frame(before.complete([row], columns=ALL))["trend_score"][0] == known["trend_score"][0]
    with django_assert_num_queries(1):
        assert reader.now() is before

    changed = known.with_columns(pl.lit(0.123).alias("trend_score"))
    store_snapshots(actor=analyst, batches=[changed], source="a correction")
    assert frame(reader.now().complete([row], columns=ALL))["trend_score"][0] == 0.123
    assert frame(before.complete([row], columns=ALL))["trend_score"][0] == known["trend_score"][0]
