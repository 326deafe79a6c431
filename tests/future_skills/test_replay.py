"""The track record: nothing later is known at any period, counts are those of a hand, words and page say them."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import polars as pl
import pytest

from future_skills import schema
from future_skills.comparison import Difference
from future_skills.errors import NotEnoughDataError, UsageError
from future_skills.performance import performance
from future_skills.replay import (
    Announced,
    Replayed,
    ReplayedPeriod,
    TrackRecord,
    replay,
    rising_record,
    track_record,
)
from future_skills.replay_page import page
from future_skills.replay_text import details, headline, markdown, pair_tables, record_table, sentence
from future_skills.training import Recipe

RECIPE = Recipe(feature_set="history", params={"n_estimators": 20})
TOP = 10
SAID = ["level", "low", "medium", "high", "rank"]


def gone_through(snapshots: pl.DataFrame, **options) -> list[Replayed]:  # type: ignore[no-untyped-def]
    return list(replay(snapshots, recipe=RECIPE, top=TOP, minimum_rows=20, draws=20, **options))


@pytest.fixture(scope="module")
def done(company: pl.DataFrame) -> list[Replayed]:
    return gone_through(company)


@pytest.fixture(scope="module")
def record(company: pl.DataFrame, done: list[Replayed]) -> TrackRecord:
    return track_record(company, [one.record for one in done], recipe=RECIPE, top=TOP)


def test_every_period_is_gone_through_in_order(done: list[Replayed], record: TrackRecord) -> None:
    assert [(one.period, one.passed_over) for one in record.periods] == [
        ("2019-06", "no_label_known"),
        ("2020-06", None),
        ("2021-06", None),
        ("2022-06", None),
        ("2023-06", None),
    ]
    assert done[0].predictions.is_empty()
    assert [one.training_periods for one in record.periods][1:3] == [("2019-06",), ("2019-06", "2020-06")]
    assert (record.first_period, record.last_period, record.algorithm) == ("2019-06", "2023-06", "blend_by_level")


def test_nothing_later_is_known_at_a_period(company: pl.DataFrame, done: list[Replayed]) -> None:
    for one in done[1:4]:
        then = company.filter(pl.col(schema.PERIOD) <= one.record.period)
        alone = gone_through(then, periods=[one.record.period])[0]
        assert alone.predictions.select(*schema.SNAPSHOT_KEY, *SAID).equals(
            one.predictions.select(*schema.SNAPSHOT_KEY, *SAID)
        )
        assert alone.record.rising is not None
        assert alone.record.rising.known == 0


def test_what_came_of_it_is_counted_as_by_hand(company: pl.DataFrame, done: list[Replayed]) -> None:
    levels = {(p, r, s): level for p, r, s, level in company.select(*schema.SNAPSHOT_KEY, schema.OBSERVED_LEVEL).rows()}
    for one in done[1:4]:
        now, later = one.record.period, f"{int(one.record.period[:4]) + 1}-06"
        rows = one.predictions.to_dicts()
        candidates = [row for row in rows if levels[now, row[schema.ROLE], row[schema.SKILL]] != "HIGH"]
        candidates.sort(key=lambda row: -row["high"])
        became = [levels[later, row[schema.ROLE], row[schema.SKILL]] == "HIGH" for row in candidates]
        rising = one.record.rising
        assert rising is not None
        assert (rising.candidates, rising.known, rising.emerged) == (len(candidates), len(candidates), sum(became))
        assert (rising.first.pairs, rising.first.became_high) == (TOP, sum(became[:TOP]))
        announced = [place < TOP for place in range(len(candidates))]
        found = [place for place, is_one in enumerate(announced) if is_one and became[place]]
        missed = [place for place, is_one in enumerate(announced) if not is_one and became[place]]
        assert (rising.found, rising.missed) == (len(found), len(missed))
        names = [(candidates[place][schema.ROLE], candidates[place][schema.SKILL]) for place in missed]
        assert [(pair.role, pair.skill) for pair in rising.misses] == names[:20]
        assert rising.by_chance == pytest.approx(TOP * sum(became) / len(became))


def test_the_figures_are_those_of_the_same_predictions(company: pl.DataFrame, done: list[Replayed]) -> None:
    one = done[2]
    said = one.predictions.drop("outcome", schema.LABEL, schema.LABEL_PERIOD)
    assert one.record.performance == performance(said, company, minimum_rows=20, draws=20)
    assert one.record.performance is not None
    assert one.record.performance.measured is not None
    assert one.record.performance.measured.persistence is not None


def test_going_on_after_a_stop_gives_the_same(company: pl.DataFrame, done: list[Replayed], record: TrackRecord) -> None:
    first = next(iter(replay(company, recipe=RECIPE, top=TOP, minimum_rows=20, draws=20)))
    kept = [ReplayedPeriod.model_validate_json(one.record.model_dump_json()) for one in (first, *done[1:3])]
    rest = gone_through(company, periods=["2023-06", "2022-06"])
    assert track_record(company, [*(one.record for one in rest), *kept], recipe=RECIPE, top=TOP) == record
    assert TrackRecord.model_validate_json(record.model_dump_json()) == record


def test_what_waits_is_met_with_the_level_so_far(
    make_snapshots: Callable[..., pl.DataFrame], company: pl.DataFrame
) -> None:
    meanwhile = company.filter(pl.col(schema.PERIOD) == "2023-06").with_columns(
        pl.lit("2023-09").alias(schema.PERIOD), pl.lit("HIGH").alias(schema.OBSERVED_LEVEL)
    )
    one = gone_through(pl.concat([company, meanwhile]), periods=["2023-06"])[0].record
    assert one.rising is not None
    assert one.rising.first == Announced(pairs=TOP, known=0, became_high=0, seen_so_far=TOP, high_so_far=TOP)
    assert one.rising.emerged_so_far == one.rising.candidates
    assert one.performance is not None
    assert one.performance.provisional is not None


def test_where_levels_are_unknown_nothing_rises(company: pl.DataFrame) -> None:
    unknown = company.with_columns(
        pl.when(pl.col(schema.PERIOD) != "2020-06").then(schema.OBSERVED_LEVEL).alias(schema.OBSERVED_LEVEL)
    ).filter(pl.col(schema.PERIOD) != "2019-06")
    some = pl.concat([unknown, company.filter(pl.col(schema.PERIOD) == "2019-06")])
    one = gone_through(some.filter(pl.col(schema.PERIOD) <= "2021-06"), periods=["2021-06"])[0]
    assert one.record.rising is not None
    nobody = one.predictions.with_columns(rank=pl.lit(None, dtype=pl.UInt32))
    assert rising_record(nobody) is None


def test_one_level_teaches_nothing(company: pl.DataFrame) -> None:
    flat = company.with_columns(pl.lit("LOW").alias(schema.OBSERVED_LEVEL))
    assert {one.record.passed_over for one in gone_through(flat)} == {"no_label_known", "one_level"}


def test_refusals_say_what_is_wrong(company: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"2030-01.*2019-06"):
        gone_through(company, periods=["2030-01"])
    with pytest.raises(UsageError, match="0"):
        list(replay(company, top=0))
    with pytest.raises(NotEnoughDataError, match="import_snapshots"):
        gone_through(company.head(0))
    with pytest.raises(NotEnoughDataError):
        track_record(company.head(0), [])


# --- Words and page -----------------------------------------------------------------------------------------------------
def said_of(record: TrackRecord, **counts: int) -> ReplayedPeriod:
    """The third period with other counts of what was announced."""
    one = record.periods[2]
    assert one.rising is not None
    return one.model_copy(
        update={"rising": one.rising.model_copy(update={"first": one.rising.first.model_copy(update=counts)})}
    )


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_the_sentence_is_the_one_that_hr_asked_for(record: TrackRecord) -> None:
    one = said_of(record, pairs=200, known=200, became_high=57)
    assert plain(sentence(one, record, "fr")) == (
        "En 2021-06, 200 compétences annoncées en hausse, 57 devenues HIGH ; « comme aujourd’hui » : 0."
    )
    assert sentence(one, record, "en") == (
        "In 2021-06, 200 skills announced as rising, 57 became HIGH; “same as today”: 0."
    )
    single = said_of(record, pairs=1, known=1, became_high=1)
    assert "1 compétence annoncée en hausse, 1 devenue HIGH" in plain(sentence(single, record, "fr"))
    part = said_of(record, pairs=200, known=150, became_high=0)
    assert "0 devenue HIGH (sur 150 dont la suite est connue)" in plain(sentence(part, record, "fr"))


def test_what_is_provisional_or_unknown_is_said(record: TrackRecord) -> None:
    waits = said_of(record, pairs=200, known=0, became_high=0, seen_so_far=200, high_so_far=106)
    assert "106 déjà HIGH depuis (provisoire : la réponse est attendue à partir de 2022-06)" in plain(
        sentence(waits, record, "fr")
    )
    assert "provisional" in sentence(waits, record, "en")
    never = said_of(record, pairs=200, known=0, became_high=0)
    assert "will not be known" in sentence(never, record, "en")
    assert "no level to predict was known" in sentence(record.periods[0], record, "en")
    assert "expected from 2024-06" in sentence(record.periods[4], record, "en")
    blank = record.periods[2].model_copy(update={"rising": None})
    assert "the level then is known nowhere" in sentence(blank, record, "en")
    assert details(blank, "en") == []


def test_same_as_today_is_said_to_be_better_where_it_is(record: TrackRecord) -> None:
    one = record.periods[3]
    figures = one.performance
    assert figures is not None
    assert figures.measured is not None

    def differing(low: float, high: float) -> ReplayedPeriod:
        found = figures.measured.model_copy(update={"differences": (Difference("accuracy", 0.971, 0.935, low, high),)})
        return one.model_copy(update={"performance": figures.model_copy(update={"measured": found})})

    assert "97.1% of right answers against 93.5%" in details(differing(-0.05, -0.02), "en")[-1]
    assert not any("right answers" in line for line in details(differing(-0.05, 0.0), "en"))


def test_the_headline_is_the_last_period_with_an_answer(record: TrackRecord) -> None:
    assert headline(record, "fr") == sentence(record.periods[3], record, "fr")
    assert headline(record.model_copy(update={"periods": ()}), "en") == "No snapshot was replayed."
    assert headline(record.model_copy(update={"periods": record.periods[:1]}), "en").startswith("In 2019-06, nothing")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_misses_are_listed_too(record: TrackRecord, language) -> None:  # type: ignore[no-untyped-def]
    text = markdown(record, language)
    one = next(one for one in record.periods if one.rising is not None and one.rising.misses)
    assert one.rising is not None
    assert one.rising.misses[0].role in text
    assert len(pair_tables(one, language)) == 1 + bool(one.rising.hits)
    assert [row[0] for row in record_table(record, language).rows] == [one.period for one in record.periods[1:]]
    assert all(row[4] == "0" for row in record_table(record, language).rows)


class _Addresses(HTMLParser):
    """Everything in a page that a browser would fetch, and the tags that were never closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "srcset", "data", "action"}]
        self.fetched += [tag] if tag in {"script", "link", "iframe", "img"} else []
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_opens_offline(record: TrackRecord, language) -> None:  # type: ignore[no-untyped-def]
    nasty = record.periods[3].rising
    assert nasty is not None
    pair = nasty.misses[0].model_copy(update={"skill": "<script>alert(1)</script> & co"})
    rising = nasty.model_copy(update={"misses": (pair, *nasty.misses[1:])})
    periods = (*record.periods[:3], record.periods[3].model_copy(update={"rising": rising}), record.periods[4])
    html = page(record.model_copy(update={"periods": periods}), language)
    found = _Addresses()
    found.feed(html)
    found.close()
    assert found.fetched == []
    assert found.open == []
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", html)
    assert "&lt;script&gt;" in html
    assert html.count("<h1>") == 1
    assert f'<html lang="{language}">' in html
    assert page(record, language) == page(record, language)
