"""What people decided of pairs, in a campaign: map, pairs, watch-list, page of the pair, exports, scored files."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from apps.registry.models import Deployment
from apps.serving.campaigns.models import Campaign, RisingPair
from apps.serving.overrides.models import PredictionOverride
from apps.serving.overrides.seen import Seen
from apps.serving.overrides.services import override_prediction
from future_skills import schema
from future_skills.errors import UsageError
from tests.apps.registry.promotion import CLAIRE
from tests.apps.serving.campaigns.conftest import result_frame

pytestmark = pytest.mark.django_db

REASON = "Nouveau contrat."


@pytest.fixture
def campaign(live: Deployment, done: Callable[..., Campaign]) -> Campaign:
    return done(label="rentrée")


@pytest.fixture
def decided(campaign: Campaign) -> PredictionOverride:
    """The first pair of the campaign that is on a watch-list has another level."""
    rising = RisingPair.objects.filter(campaign=campaign).first()
    assert rising is not None
    seen = Seen.named(prediction=None, campaign=campaign.pk, role=rising.role, skill=rising.skill)
    level = "LOW" if seen.predicted == "HIGH" else "HIGH"
    until = timezone.localdate() + timedelta(days=40)
    return override_prediction(actor=CLAIRE, seen=seen, level=level, until=until, reason=REASON)


@pytest.fixture
def reader(cast: None) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.get(username="claire"))
    return client


def test_every_page_of_the_campaign_shows_it(campaign: Campaign, decided: PredictionOverride, reader: Client) -> None:
    place, pair = f"/campaigns/{campaign.pk}/", {"role": decided.role, "skill": decided.skill}
    assert "HR decided of 1 pair" in reader.get(place).content.decode()
    for page, asked in (("rising/", {}), ("pair/", pair), ("pairs/", {"only": "overridden"})):
        content = reader.get(place + page, asked).content.decode()
        assert REASON in content, page
    shown = reader.get(f"{place}pairs/", {"only": "overridden"}).context["page"]
    assert [(row[schema.ROLE], row[schema.SKILL]) for row in shown.rows] == [(decided.role, decided.skill)]
    assert shown.rows[0]["level"] == decided.predicted != decided.level


def test_the_result_of_the_campaign_stays_as_it_was(campaign: Campaign, decided: PredictionOverride) -> None:
    frame = result_frame(campaign)
    row = frame.filter(pl.col(schema.ROLE) == decided.role, pl.col(schema.SKILL) == decided.skill)
    assert row["level"].to_list() == [decided.predicted]
    assert "override_level" not in frame.columns


def test_exports_have_it_in_columns_of_its_own(campaign: Campaign, decided: PredictionOverride, reader: Client) -> None:
    place = f"/campaigns/{campaign.pk}/pairs"
    text = b"".join(reader.get(f"{place}.csv").streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    of_pair = [row for row in rows if (row["Job role"], row["Skill"]) == (decided.role, decided.skill)]
    assert [row["Reason of the decision"] for row in of_pair] == [REASON]
    assert [row["Counts until"] for row in of_pair] == [f"{decided.until}"]
    assert sum(row["Level decided by HR"] != "" for row in rows) == 1
    sheet = openpyxl.load_workbook(
        io.BytesIO(b"".join(reader.get(f"{place}.xlsx", {"only": "overridden"}).streaming_content))
    ).active
    assert sheet is not None
    assert [row[-1].value for row in sheet.iter_rows(min_row=2)] == [REASON]


def test_a_scored_file_has_it_beside_the_answers(
    campaign: Campaign, decided: PredictionOverride, run: Callable[..., Any], tmp_path: Path
) -> None:
    frame = result_frame(campaign)
    inputs = frame.select([name for name in schema.BASE_FEATURES if name in frame.columns])
    inputs.write_parquet(tmp_path / "in.parquet")
    code, _out, err = run("score", str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), "--as", "olivier")
    assert code == 0, err
    scored = pl.read_parquet(tmp_path / "out.parquet").filter(pl.col("override_level").is_not_null())
    assert scored.select(schema.ROLE, schema.SKILL, "override_level").rows() == [
        (decided.role, decided.skill, decided.level)
    ]
    assert scored["level"].to_list() == [decided.predicted]


def test_a_pair_that_the_campaign_has_not_is_refused(campaign: Campaign) -> None:
    with pytest.raises(UsageError):
        Seen.named(prediction=None, campaign=campaign.pk, role="Personne", skill="Rien")
