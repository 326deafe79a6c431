"""The pages of campaigns, as somebody reads them: the list, the map, the pairs, what rises, what changed, one pair."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import openpyxl
import polars as pl
import pytest
from django.test import Client

from apps.registry.models import Deployment, ModelVersion
from apps.serving.campaigns.models import Campaign, CampaignCell
from apps.serving.campaigns.services import start_campaign
from apps.serving.models import Prediction
from apps.workforce.services import store_snapshots
from future_skills import schema
from tests.apps.registry.promotion import OLIVIER
from tests.apps.serving.campaigns.conftest import result_frame

pytestmark = pytest.mark.django_db

Make = Callable[..., Campaign]
Login = Callable[..., Client]


def text(response: Any) -> str:
    """What a page says, without its tags."""
    content = response.content.decode() if not response.streaming else b"".join(response.streaming_content).decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))


@pytest.fixture
def reader(login: Login) -> Client:
    client = login("auditor")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


# --- The list -------------------------------------------------------------------------------------------------------------
def test_an_empty_list_says_what_it_will_show_and_how_to_fill_it(
    live: Deployment, reader: Client, login: Login
) -> None:
    said = text(reader.get("/campaigns/"))
    assert "No campaign was run yet" in said
    assert "Start a campaign" not in said  # an auditor starts none
    said = text(login("operator").get("/campaigns/", headers={"accept-language": "en"}))
    assert "Start a campaign" in said
    assert "python manage.py predict_all" in said


def test_somebody_who_may_starts_a_campaign_from_the_page(live: Deployment, login: Login, facts: pl.DataFrame) -> None:
    client = login("drh_reviewer", username="claire")
    earlier = facts["period"].unique().sort()[-2]
    response = client.post("/campaigns/", {"label": "Plan 2027", "period": earlier})
    campaign = Campaign.objects.get()
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    assert (campaign.label, campaign.period, campaign.requester, campaign.requester_source) == (
        "Plan 2027",
        earlier,
        "claire",
        "login",
    )
    said = text(client.get(f"/campaigns/{campaign.pk}/", headers={"accept-language": "en"}))
    assert "It waits for a worker" in said
    assert "make worker" in said
    client.post("/campaigns/", {"label": "Plan 2027", "period": earlier})
    assert Campaign.objects.count() == 1


def test_what_is_refused_is_said_and_what_was_typed_kept(live: Deployment, login: Login) -> None:
    response = login("operator").post(
        "/campaigns/", {"label": "x" * 150, "period": ""}, headers={"accept-language": "en"}
    )
    assert response.status_code == 409
    assert "100 characters at most" in text(response)
    assert 'value="' + "x" * 150 in response.content.decode()


def test_who_may_not_is_refused(live: Deployment, reader: Client) -> None:
    assert reader.post("/campaigns/", {}).status_code == 403
    assert not Campaign.objects.exists()


def test_the_list_shows_how_far_each_is(live: Deployment, done: Make, started: Make, reader: Client) -> None:
    finished, waiting = done(label="Finished one"), started(label="Waiting one")
    page = reader.get("/campaigns/")
    said = text(page)
    assert f"{waiting.pk} · Waiting one" in said
    assert "waits for a worker · 0.0%" in said
    assert f"{finished.pk} · Finished one" in said
    assert 'hx-trigger="every 2s"' in page.content.decode()


def test_an_unknown_campaign_is_not_found(reader: Client) -> None:
    assert reader.get("/campaigns/404/").status_code == 404
    assert reader.get("/campaigns/404/pairs.csv").status_code == 404


def test_an_unfinished_one_has_no_pairs_yet(live: Deployment, started: Make, reader: Client) -> None:
    campaign = started()
    for part in ("pairs/", "pairs.csv", "pairs.xlsx", "result.parquet", "rising/", "changes/", "pair/?role=a&skill=b"):
        assert reader.get(f"/campaigns/{campaign.pk}/{part}").status_code == 409, part


# --- The map ----------------------------------------------------------------------------------------------------------------
def test_the_map_leads_from_a_cell_to_its_pairs(live: Deployment, done: Make, reader: Client) -> None:
    campaign = done(label="Plan")
    cell = CampaignCell.objects.filter(campaign=campaign).order_by("-pairs").first()
    assert cell is not None
    page = reader.get(f"/campaigns/{campaign.pk}/").content.decode()
    place = f"/campaigns/{campaign.pk}/pairs/?" + urlencode({"department": cell.department, "category": cell.category})
    link = re.search(rf'<a href="{re.escape(place.replace("&", "&amp;"))}" title="([^"]*)">([^<]*)</a>', page)
    assert link is not None
    assert link[1].endswith(f": {cell.pairs} pairs")
    assert link[2] == f"{100 * cell.high / cell.pairs:.1f}%"
    assert f"<b>{cell.pairs}" not in page
    assert f"{cell.pairs} pair" in text(reader.get(place))


@pytest.mark.parametrize("measure", ["high", "mean", "rising", "abstained", "change", "nonsense"])
def test_every_measure_is_shown_in_both_languages(live: Deployment, done: Make, reader: Client, measure: str) -> None:
    campaign = done()
    for language in ("fr", "en"):
        response = reader.get(f"/campaigns/{campaign.pk}/?show={measure}", headers={"accept-language": language})
        assert response.status_code == 200
        assert "heat-" in response.content.decode()


def test_the_map_can_be_narrowed_and_says_what_changed(
    live: Deployment, facts: pl.DataFrame, done: Make, reader: Client
) -> None:
    done(label="before")
    latest = facts.filter(pl.col("period") == facts["period"].max())
    store_snapshots(
        actor=OLIVIER, batches=[latest.with_columns(internal_usage=pl.lit(1.0), trend_score=pl.lit(1.0))], source="x"
    )
    campaign = done(label="after")
    counts = [
        sum(CampaignCell.objects.filter(campaign=one).values_list("high", flat=True))
        for one in Campaign.objects.order_by("pk")
    ]
    page = reader.get(f"/campaigns/{campaign.pk}/?show=change").content.decode()
    total = re.findall(r"<tfoot>.*</tfoot>", page, flags=re.DOTALL)[0]
    assert re.sub(r"<[^>]+>", "", total).split()[-1] == f"{counts[1] - counts[0]:+d}".replace("-", "−")
    cell = CampaignCell.objects.filter(campaign=campaign).first()
    assert cell is not None
    narrowed = reader.get(f"/campaigns/{campaign.pk}/?" + urlencode({"department": cell.department})).content.decode()
    assert len(re.findall(r'<tr><th scope="row">', narrowed)) == 2  # the department, and all
    assert "No pair is there" in text(reader.get(f"/campaigns/{campaign.pk}/?department=nowhere"))


# --- The pairs --------------------------------------------------------------------------------------------------------------
def test_pairs_are_filtered_and_sorted_as_the_address_says(live: Deployment, done: Make, reader: Client) -> None:
    campaign = done()
    result = result_frame(campaign)
    place = f"/campaigns/{campaign.pk}/pairs/"

    def roles(**asked: str) -> list[str]:
        page = reader.get(f"{place}?{urlencode(asked)}").content.decode()
        body = re.findall(r"<tbody>.*</tbody>", page, flags=re.DOTALL)
        return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', body[0]) if body else []

    high = result.filter(level="HIGH")
    assert len(roles(level="HIGH")) == min(50, len(high))
    assert (
        roles()
        == result.sort("score", schema.ROLE, schema.SKILL, descending=[True, False, False])[schema.ROLE]
        .head(50)
        .to_list()
    )
    assert roles(sort="role") == result[schema.ROLE].sort().head(50).to_list()
    skill = result[schema.SKILL][0]
    assert len(roles(text=skill.upper())) == len(
        result.filter(pl.col(schema.SKILL).str.to_lowercase().str.contains(skill.lower(), literal=True))
    )
    assert f"{result['abstained'].sum()} pair" in text(reader.get(f"{place}?only=abstained"))
    assert "No pair is like that" in text(reader.get(f"{place}?text=no+such+thing"))


def test_pages_of_pairs_and_nonsense_in_the_address(live: Deployment, done: Make, reader: Client) -> None:
    campaign = done()
    place = f"/campaigns/{campaign.pk}/pairs/"
    assert "page 2 of" in text(reader.get(f"{place}?page=2"))
    said = text(reader.get(f"{place}?page=999&level=HUGE&sort=weight&only=blue&now=x"))
    for part in ("this is the last one", "“HUGE” is no filter", "sorted by “weight”", "“blue” is no filter"):
        assert part in said, part


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_the_filters_keep_is_exported(live: Deployment, done: Make, reader: Client, language: str) -> None:
    campaign = done()
    result = result_frame(campaign)
    department = result[schema.DEPARTMENT][0]
    kept = result.filter(pl.col(schema.DEPARTMENT) == department)
    asked = "?" + urlencode({"department": department})
    answer = reader.get(f"/campaigns/{campaign.pk}/pairs.csv{asked}", headers={"accept-language": language})
    lines = b"".join(answer.streaming_content).decode()
    rows = list(csv.reader(io.StringIO(lines[1:], newline=""), delimiter=";" if language == "fr" else ","))
    assert lines[0] == "\ufeff"
    assert len(rows) == len(kept) + 1
    assert [row[0] for row in rows[1:]] == kept[schema.ROLE].to_list()
    score = rows[1][10].replace(",", ".")
    assert float(score) == pytest.approx(kept["score"][0])
    answer = reader.get(f"/campaigns/{campaign.pk}/pairs.xlsx{asked}", headers={"accept-language": language})
    assert answer.headers["Content-Disposition"] == f'attachment; filename="campaign-{campaign.pk}.xlsx"'
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0]
    assert sheet.max_row == len(kept) + 1
    assert [cell.value for cell in sheet[2]][10] == kept["score"][0]
    assert [cell.value for cell in sheet[1]] == rows[0]


def test_the_result_itself_can_be_taken(live: Deployment, done: Make, reader: Client) -> None:
    campaign = done()
    content = b"".join(reader.get(f"/campaigns/{campaign.pk}/result.parquet").streaming_content)
    assert pl.read_parquet(io.BytesIO(content)).equals(result_frame(campaign))


# --- One pair, in a campaign and asked again --------------------------------------------------------------------------------
def test_a_pair_says_its_level_its_reasons_and_what_the_campaign_before_said(
    live: Deployment, done: Make, reader: Client
) -> None:
    first, second = done(label="first"), done(label="second")
    row = result_frame(second).row(0, named=True)
    asked = "?" + urlencode({"role": row[schema.ROLE], "skill": row[schema.SKILL]})
    said = text(reader.get(f"/campaigns/{second.pk}/pair/{asked}"))
    assert f"{row[schema.ROLE]} × {row[schema.SKILL]}" in said
    assert "What v1 says" in said
    assert f"{100 * row['high']:.1f}%" in said
    assert f"In {first.pk} · first" in said
    assert "High" in said
    missing = reader.get(f"/campaigns/{second.pk}/pair/?role=nobody&skill=nothing")
    assert missing.status_code == 404
    assert "has no such pair" in text(missing)


def test_production_is_asked_on_the_page_and_the_answer_logged(live: Deployment, done: Make, reader: Client) -> None:
    row = result_frame(done()).row(0, named=True)
    assert "as the version in production says" in text(reader.get("/predict/"))
    assert not Prediction.objects.exists()
    asked = {"role": row[schema.ROLE], "skill": row[schema.SKILL]}
    page = reader.get("/predict/?" + urlencode(asked))
    said = text(page)
    assert f"{row[schema.ROLE]} × {row[schema.SKILL]}" in said
    assert f"{100 * row['high']:.1f}%" in said
    line = Prediction.objects.get()
    assert (line.role, line.skill, line.level, line.requester) == (
        row[schema.ROLE],
        row[schema.SKILL],
        row["level"],
        "auditor",
    )
    other = text(reader.get("/predict/?" + urlencode(asked | {"internal_usage": "0,5", "trend_score": "1"})))
    assert "with other values than its facts" in other
    newest = Prediction.objects.first()
    assert newest is not None
    assert (newest.inputs["internal_usage"], newest.inputs["trend_score"]) == (0.5, 1.0)


def test_what_cannot_be_asked_is_said_in_place(live: Deployment, facts: pl.DataFrame, reader: Client) -> None:
    pair = {"role": facts[schema.ROLE][0], "skill": facts[schema.SKILL][0]}
    wrong = reader.get("/predict/?" + urlencode(pair | {"trend_score": "a lot"}))
    assert wrong.status_code == 422
    assert "It must be a number" in text(wrong)
    assert 'value="a lot"' in wrong.content.decode()
    unknown = reader.get("/predict/?role=Nobody&skill=Nothing")
    assert unknown.status_code == 422
    assert "has no snapshot" in text(unknown)
    assert not Prediction.objects.exists()


def test_nothing_in_production_is_a_page_that_says_so(registered: list[ModelVersion], reader: Client) -> None:
    response = reader.get("/predict/?role=a&skill=b")
    assert response.status_code == 503


# --- Rising, changes --------------------------------------------------------------------------------------------------------
def test_the_watch_list_has_reasons_for_one_department(live: Deployment, done: Make, reader: Client) -> None:
    campaign = done()
    result = result_frame(campaign).filter(pl.col("emergence").is_not_null())
    department = result[schema.DEPARTMENT][0]
    first = result.filter(pl.col(schema.DEPARTMENT) == department).sort(
        "emergence", schema.ROLE, schema.SKILL, descending=[True, False, False]
    )
    everything = text(reader.get(f"/campaigns/{campaign.pk}/rising/"))
    for one in result[schema.DEPARTMENT].unique():
        assert one in everything
    said = text(reader.get(f"/campaigns/{campaign.pk}/rising/?" + urlencode({"department": department})))
    assert f"1 {first[schema.ROLE][0]} × {first[schema.SKILL][0]}" in said
    assert f"{100 * first['emergence'][0]:.1f}" in said
    assert re.search(r"\(\+\d+\.\d pt\)", said) or "kept no training rows" in said
    assert "is on the list" in text(reader.get(f"/campaigns/{campaign.pk}/rising/?department=nowhere"))


def test_changes_are_told_with_what_moved_them(
    live: Deployment, facts: pl.DataFrame, done: Make, reader: Client
) -> None:
    first = done(label="before")
    assert "nothing to compare with" in text(reader.get(f"/campaigns/{first.pk}/changes/"))
    latest = facts.filter(pl.col("period") == facts["period"].max())
    store_snapshots(
        actor=OLIVIER, batches=[latest.with_columns(internal_usage=pl.lit(1.0), trend_score=pl.lit(1.0))], source="x"
    )
    second = done(label="after")
    place = f"/campaigns/{second.pk}/changes/"
    said = text(reader.get(place))
    assert f"Changes since {first.pk} · before" in said
    changed = re.search(r"Pairs at another level: (\d+); that came: 0; that went: 0", said)
    assert changed is not None
    assert "another model 0.0%" in said
    answer = reader.get(f"/campaigns/{second.pk}/changes.csv")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()[1:], newline="")))
    assert len(rows) == int(changed[1]) + 1
    assert "No change is like that" in text(reader.get(f"{place}?reason=model"))
    assert "is no number of a campaign" in text(reader.get(f"{place}?since=yesterday"))
    assert reader.get(f"{place}?since=404").status_code == 404


def test_queries_do_not_grow_with_the_pairs(
    live: Deployment, done: Make, reader: Client, django_assert_max_num_queries: Any
) -> None:
    campaign = done()
    start_campaign(actor=OLIVIER, label="other")
    for address in ("", f"{campaign.pk}/", f"{campaign.pk}/pairs/", f"{campaign.pk}/rising/"):
        with django_assert_max_num_queries(22):
            assert reader.get(f"/campaigns/{address}").status_code == 200
