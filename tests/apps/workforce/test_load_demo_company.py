"""``manage.py load_demo_company``: once, again, with more quarters, and never into someone else's facts."""

import json
from io import StringIO
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.workforce.models import JobRole, Skill, SkillSnapshot
from apps.workforce.selectors import snapshots_frame
from apps.workforce.services import store_snapshots
from future_skills import schema
from future_skills.simulation import CompanyParameters, simulate_company

pytestmark = pytest.mark.django_db

SMALL = ("--roles", "6", "--skills", "15", "--quarters", "3")


def load(*options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("load_demo_company", *options, "--as", "claire", "--json", stdout=out)
    return json.loads(out.getvalue())


def refused(*options: str) -> tuple[str, dict[str, Any]]:
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("load_demo_company", *options, "--as", "claire", "--json", stdout=out)
    assert caught.value.returncode == 1
    return str(caught.value), json.loads(out.getvalue())["error"]


def small_company(seed: int = 42) -> pl.DataFrame:
    return simulate_company(seed=seed, parameters=CompanyParameters(roles=6, skills=15, quarters=3)).snapshots


def test_it_loads_the_simulated_company_as_it_is() -> None:
    counts = load(*SMALL)
    assert counts["created"] == counts["read"] == SkillSnapshot.objects.count() > 0
    assert counts["periods"] == ["2023-03", "2023-06", "2023-09"]
    assert (counts["job_roles"], counts["skills"]) == (JobRole.objects.count(), Skill.objects.count())
    assert snapshots_frame().equals(small_company())


def test_the_default_is_forty_roles_and_120_skills() -> None:
    counts = load()
    assert (counts["job_roles"], counts["skills"], len(counts["periods"])) == (40, 120, 12)


def test_a_second_load_changes_nothing() -> None:
    first = load(*SMALL)
    again = load(*SMALL)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, first["created"])


def test_more_quarters_only_add_rows() -> None:
    first = load(*SMALL)
    more = load("--roles", "6", "--skills", "15", "--quarters", "5")
    assert (more["updated"], more["unchanged"]) == (0, first["created"])
    assert more["created"] > 0


def test_each_load_is_an_event_of_its_actor() -> None:
    load(*SMALL)
    event = AuditEvent.objects.get(action="workforce.load_demo_company")
    assert event.actor == "claire"
    assert "seed 42" in event.details["source"]


@pytest.mark.parametrize(
    "options",
    [("--seed", "43", *SMALL), ("--roles", "7", "--skills", "15", "--quarters", "3"), (*SMALL[:4], "--quarters", "2")],
)
def test_another_company_is_not_mixed_in(options: tuple[str, ...]) -> None:
    load(*SMALL)
    message, error = refused(*options)
    assert error["code"] == "usage"
    assert error["message"] == message
    assert error["details"]["count"] > 0
    assert snapshots_frame().equals(small_company())


def test_real_facts_are_not_mixed_with_simulated_ones() -> None:
    real = (
        small_company()
        .head(3)
        .with_columns(pl.col(schema.ROLE) + " (réel)", pl.lit(None, pl.String).alias(schema.ROLE_CODE))
    )
    store_snapshots(actor=Actor("claire", "declared"), batches=[real], source="relevé.xlsx")
    before = snapshots_frame()
    message, error = refused(*SMALL)
    assert error["details"]["count"] == 3
    assert "(réel)" in message
    assert "DATABASE_URL" in message
    assert snapshots_frame().equals(before)


def test_a_corrected_value_is_not_overwritten() -> None:
    load(*SMALL)
    SkillSnapshot.objects.filter(pk=SkillSnapshot.objects.earliest("pk").pk).update(avg_salary_k=99.9)
    _, error = refused(*SMALL)
    assert error["details"]["count"] == 1
    assert SkillSnapshot.objects.filter(avg_salary_k=99.9).count() == 1


@pytest.mark.parametrize("options", [("--roles", "1"), ("--quarters", "0"), ("--seed", "-1"), ("--skills", "0")])
def test_impossible_sizes_are_refused(options: tuple[str, str]) -> None:
    _, error = refused(*options)
    assert error["code"] == "usage"
    assert options[1] in error["message"]
    assert not SkillSnapshot.objects.exists()


@pytest.mark.parametrize(("quarters", "is_said"), [("3", True), ("9", False)])
def test_it_says_when_quarters_are_too_few_to_train_a_year_ahead(quarters: str, is_said: bool) -> None:
    out = StringIO()
    call_command("load_demo_company", "--roles", "6", "--skills", "15", "--quarters", quarters, stdout=out)
    assert ("--quarters 12" in out.getvalue()) is is_said
    assert "2023-03" in out.getvalue()
