"""A data scientist draws the rows that people will label blind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import transaction

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.registry.models import ModelVersion, SampleItem, ValidationSample
from apps.registry.samples import newest_sample, samples_drawn
from apps.registry.services.samples import draw_sample, set_definitions
from apps.registry.services.versions import register_version, retract_version
from apps.workforce.models import SkillSnapshot
from future_skills import schema
from future_skills.errors import (
    ArtifactHashMismatchError,
    NotAllowedError,
    NotReproducibleError,
    UsageError,
)
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.level_definitions import default_definitions, parse_definitions
from tests.apps.registry.promotion import CLAIRE, DOMINIQUE, DRISS, hire, refusal_of, stored

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def team(registered: list[ModelVersion], person: Callable[..., Any]) -> list[ModelVersion]:
    """Both versions, and the people around them."""
    hire(person)
    return registered


def items(sample: ValidationSample) -> list[SampleItem]:
    return list(sample.items.all())


def test_half_of_the_rows_are_test_rows_and_half_the_latest_snapshot(team: list[ModelVersion]) -> None:
    sample = draw_sample(actor=DOMINIQUE, version="v2", size=40, seed=1)
    rows = items(sample)
    latest = SkillSnapshot.objects.order_by("-period").first().period  # type: ignore[union-attr]
    assert [row.position for row in rows] == list(range(1, 41))
    assert {origin: [row.origin for row in rows].count(origin) for origin in ("test", "latest")} == {
        "test": 20,
        "latest": 20,
    }
    tested = stored("v2").words.split.test_period
    assert tested is not None
    assert {(row.origin, row.period) for row in rows} == {("test", tested), ("latest", latest)}
    assert sample.drawn["periods"] == {"test": tested, "latest": latest}
    assert sample.drawn["horizon_months"] == [12, 24]
    assert sum(row.weight for row in rows) == pytest.approx(1)
    assert [row.labels_needed for row in rows].count(2) == 10


def test_what_the_model_says_of_a_drawn_row_is_kept_with_it(team: list[ModelVersion]) -> None:
    for row in items(draw_sample(actor=DOMINIQUE, version="v2", size=20)):
        assert row.probabilities is not None
        assert sum(row.probabilities.values()) == pytest.approx(1)
        assert max(row.probabilities, key=row.probabilities.__getitem__) == row.predicted


def test_the_facts_of_a_row_are_those_of_its_period_and_nothing_later(
    team: list[ModelVersion], small_company: pl.DataFrame
) -> None:
    for row in items(draw_sample(actor=DOMINIQUE, version="v1", size=40)):
        known = small_company.filter(
            (pl.col(schema.ROLE) == row.role) & (pl.col(schema.SKILL) == row.skill) & (pl.col("period") <= row.period)
        ).sort("period", descending=True)
        (now, *before) = known.to_dicts()
        assert row.facts["current_need_level"] == now["observed_need_level"]
        assert {name: row.facts[name] for name in schema.NUMERIC_FEATURES} == {
            name: now[name] for name in schema.NUMERIC_FEATURES
        }
        shown = [(past["period"], past["current_need_level"]) for past in row.facts["history"]]
        assert shown == [(past["period"], past["observed_need_level"]) for past in before][: len(shown)]
        assert set(row.facts) == {
            "job_department",
            "skill_category",
            "current_need_level",
            "history",
            *schema.NUMERIC_FEATURES,
        }


def test_the_same_seed_draws_the_same_rows_and_another_one_others(team: list[ModelVersion]) -> None:
    def pairs(seed: int) -> list[tuple[str, str, str]]:
        return [
            (row.role, row.skill, row.period) for row in items(draw_sample(actor=DOMINIQUE, version="v2", seed=seed))
        ]

    once = pairs(1)
    assert pairs(1) == once
    assert pairs(2) != once


def test_the_newest_sample_counts_and_how_many_were_drawn_is_seen(team: list[ModelVersion]) -> None:
    assert newest_sample(stored("v1")) is None
    draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=1)
    second = draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)
    assert newest_sample(stored("v1")) == second
    assert samples_drawn(stored("v1")) == 2
    event = AuditEvent.objects.filter(action="registry.draw_sample").last()
    assert event is not None
    assert (event.actor, event.object_id, event.details["samples_drawn"]) == ("dominique", "v1", 2)


def test_without_hr_facts_the_sample_says_that_it_has_test_rows_only(team: list[ModelVersion]) -> None:
    SkillSnapshot.objects.all().delete()
    sample = draw_sample(actor=DOMINIQUE, version="v2", size=20)
    assert {row.origin for row in items(sample)} == {"test"}
    assert sample.drawn["missing"] == "no_facts"


def test_where_the_latest_snapshot_was_the_test_the_sample_says_so(team: list[ModelVersion]) -> None:
    SkillSnapshot.objects.filter(period__gt=stored("v2").words.split.test_period).delete()
    sample = draw_sample(actor=DOMINIQUE, version="v2", size=20)
    assert {row.origin for row in items(sample)} == {"test"}
    assert sample.drawn["missing"] == "latest_is_tested"


def test_a_sample_keeps_the_definitions_it_was_drawn_with(team: list[ModelVersion]) -> None:
    first = draw_sample(actor=DOMINIQUE, version="v1", size=12)
    assert first.definitions == default_definitions().model_dump()
    words = default_definitions().model_dump()
    words["fr"]["HIGH"] = "Sans elle, le métier s’arrête."
    set_definitions(actor=CLAIRE, definitions=parse_definitions(words))
    first.refresh_from_db()
    assert first.definitions == default_definitions().model_dump()
    assert draw_sample(actor=DOMINIQUE, version="v1", size=12).definitions == words


def test_definitions_are_the_drh_s_and_change_only_to_something_else(team: list[ModelVersion]) -> None:
    with pytest.raises(Denied):
        set_definitions(actor=DOMINIQUE, definitions=default_definitions())
    with pytest.raises(UsageError, match="in force already"):
        set_definitions(actor=CLAIRE, definitions=default_definitions())


def test_only_a_data_scientist_draws(team: list[ModelVersion]) -> None:
    for somebody in (CLAIRE, DRISS, Actor("olivier", "login"), Actor("aude", "login")):
        with pytest.raises(Denied):
            draw_sample(actor=somebody, version="v1")


def test_a_size_or_seed_out_of_range_is_refused_before_anything_is_opened(team: list[ModelVersion]) -> None:
    for size, seed in ((11, 1), (2_001, 1), (60, 2**31), (60, -1)):
        with pytest.raises(UsageError):
            draw_sample(actor=DOMINIQUE, version="v1", size=size, seed=seed)
    assert not ValidationSample.objects.exists()


def test_a_retracted_version_has_no_new_sample(team: list[ModelVersion]) -> None:
    retract_version(actor=DOMINIQUE, version="v1", reason="Année en double.")
    with pytest.raises(NotAllowedError):
        draw_sample(actor=DOMINIQUE, version="v1")


def test_a_version_whose_files_were_changed_is_not_asked(team: list[ModelVersion], settings: Any) -> None:
    (model,) = Path(settings.ARTIFACTS_DIR).rglob("future_skills_model_v1.pkl")
    model.chmod(0o644)
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactHashMismatchError):
        draw_sample(actor=DOMINIQUE, version="v1")
    assert not ValidationSample.objects.exists()


def test_a_version_whose_dataset_was_not_kept_says_so(
    facts: pl.DataFrame, pairs: Path, analyst: Actor, person: Callable[..., Any]
) -> None:
    with transaction.atomic():
        register_version(actor=analyst, path=pairs / "future_skills_model_v1.pkl")
    hire(person)
    with pytest.raises(NotReproducibleError, match="not kept"):
        draw_sample(actor=DOMINIQUE, version="v1")


# --- In a terminal ------------------------------------------------------------------------------------------------------
def test_the_command_draws_and_shows_how_far_the_sample_is(team: list[ModelVersion], run: Run) -> None:
    code, output, _ = run("registry", "sample", "v2", "--size", "20", "--seed", "3", "--as", "dominique")
    assert code == 0
    assert "20" in output
    code, output, _ = run("registry", "sample", "v2", "--json")
    document = json.loads(output)
    assert code == 3
    assert (document["size"], document["seed"], document["given"], document["needed"]) == (20, 3, 0, 25)
    assert document["complete"] is False
    assert document["result"] is None
    assert document["strata"] is None


def test_a_sample_smaller_than_the_policy_asks_for_is_drawn_and_said_to_be(team: list[ModelVersion], run: Run) -> None:
    _, output, _ = run("registry", "sample", "v1", "--size", "20", "--as", "dominique")
    assert "50" in output


def test_the_command_refuses_two_things_at_once_and_a_version_without_sample(
    team: list[ModelVersion], run: Run, tmp_path: Path
) -> None:
    code, _, _ = run("registry", "sample", "v1", "--size", "20", "--export", str(tmp_path / "a.xlsx"))
    assert code == 1
    code, output, _ = run("registry", "sample", "v1", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "sample_not_found")


def test_the_definitions_are_read_and_put_in_force_from_a_file(
    team: list[ModelVersion], run: Run, tmp_path: Path
) -> None:
    assert default_definitions().fr.LOW in run("registry", "definitions")[1]
    path = tmp_path / "definitions.yaml"
    path.write_text(json.dumps(default_definitions().model_dump() | {"en": dict.fromkeys(schema.LEVELS, "x")}))
    code, _, refusal = run("registry", "definitions", "--set", str(path), "--as", "dominique")
    assert code == 1
    assert refusal
    code, output, _ = run("registry", "definitions", "--set", str(path), "--as", "claire", "--json")
    document = json.loads(output)
    assert code == 0
    assert document["definitions"]["en"]["LOW"] == "x"
    assert document["by"] == "claire"
    path.write_text("fr: {}")
    code, output, _ = run("registry", "definitions", "--set", str(path), "--as", "claire", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "definitions_invalid")
