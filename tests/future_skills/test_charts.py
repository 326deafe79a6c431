"""Charts: well-formed, the same bytes each time, everything escaped, readable by those who do not see them."""

import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from future_skills import charts
from future_skills.comparison import Difference

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '<script>alert("é")</script>&'
ROOT = Path(__file__).resolve().parents[2]


def points(*values: float | None) -> tuple[charts.VersionPoint, ...]:
    return tuple(charts.VersionPoint(f"v{i}", v, v and v - 0.01, v and v + 0.01) for i, v in enumerate(values, 1))


def metrics(labels: charts.Labels, *, standalone: bool = False) -> str:
    lines = (charts.ReferenceLine(EVIL, 0.903), charts.ReferenceLine("", 0.8, "target"))
    series = (
        charts.MetricSeries("accuracy", points(0.937, None, 0.961), lines),
        charts.MetricSeries("f1_macro", points(0.8)),
    )
    return charts.metrics_over_versions(series, labels=labels, standalone=standalone)


def confusion(labels: charts.Labels, *, standalone: bool = False) -> str:
    matrix = ((20110, 540, 12), (0, 0, 0), (14, 330, 2158))
    return charts.confusion_matrix(matrix, name=EVIL, labels=labels, standalone=standalone)


def calibration(labels: charts.Labels, *, standalone: bool = False) -> str:
    bins = (charts.CalibrationBin(0.45, 0.41, 300), charts.CalibrationBin(0.98, 0.97, 18000))
    curves = [charts.CalibrationCurve(EVIL, bins), charts.CalibrationCurve("v2", bins[:1])]
    return charts.calibration(curves, labels=labels, standalone=standalone)


def importances(labels: charts.Labels, *, standalone: bool = False) -> str:
    sets = [charts.ImportanceSet("v1", {"skill_name": 0.12, EVIL: -0.01}), charts.ImportanceSet("v2", {"trend": 0.3})]
    return charts.importances(sets, labels=labels, standalone=standalone)


def emergence(labels: charts.Labels, *, standalone: bool = False) -> str:
    curve = tuple(charts.EmergencePoint(k, 1 / math.sqrt(k), min(1, k / 900)) for k in range(1, 1000, 50))
    curves = [charts.EmergenceCurve(EVIL, curve), charts.EmergenceCurve("v2", curve[:4])]
    return charts.emergence_curve(curves, base_rate=0.012, labels=labels, standalone=standalone)


def differences(labels: charts.Labels, *, standalone: bool = False) -> str:
    rows = (Difference("accuracy", 0.93, 0.96, 0.02, 0.04), Difference("severe_error_rate", 0.004, 0.006, 0.001, 0.003))
    return charts.differences(
        rows, reference=EVIL, challenger="v" * 64, margins={"accuracy": 0.02}, labels=labels, standalone=standalone
    )


def announced(labels: charts.Labels, *, standalone: bool = False) -> str:
    rows = (
        charts.Announcement(EVIL, 200, 57, 2.4),
        charts.Announcement("2024-11", 1_000_000, 0, provisional=True),
    )
    return charts.announcements(rows, labels=labels, standalone=standalone)


def windows(labels: charts.Labels, *, standalone: bool = False) -> str:
    shares = (
        charts.WindowShare("provisional", 0.967, 0.957, 0.976),
        charts.WindowShare("estimated", 0.962, 0.938, 0.986),
    )
    points = (
        charts.WindowPoint(EVIL, (charts.WindowShare("measured", 0.961, 0.950, 0.971),), 0.961),
        charts.WindowPoint("2024-11", shares, 0.967),
        charts.WindowPoint("2025-02", ()),
    )
    declared = charts.Declared(0.961, 0.950, 0.971)
    return charts.windows_over_time(points, declared=declared, labels=labels, standalone=standalone)


def distribution(labels: charts.Labels, *, standalone: bool = False) -> str:
    bars = [
        charts.ShareThenNow(EVIL, 0.713, 0.958),
        *(charts.ShareThenNow(f"{i} – {i + 1}", 0.01, 0) for i in range(40)),
    ]
    return charts.distribution(bars, name=EVIL, labels=labels, standalone=standalone)


ALL = [metrics, confusion, calibration, importances, emergence, differences, announced, windows, distribution]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("draw", ALL)
def test_a_chart_is_one_well_formed_accessible_document(draw, language) -> None:
    svg = draw(charts.LABELS[language])
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    named = {child.get("id"): child.text for child in root if child.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert set(root.get("aria-labelledby", "").split()) == set(named)
    assert all(named.values())
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert svg == draw(charts.LABELS[language])
    assert "style=" not in svg
    assert "<style" not in svg
    assert not re.search(r"\bnan\b", svg)


@pytest.mark.parametrize("draw", ALL)
def test_everything_is_drawn_inside_the_frame(draw) -> None:
    root = ET.fromstring(draw(charts.FRENCH))
    _x, _y, width, height = map(float, root.get("viewBox", "").split())
    for element in root.iter():
        for across, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("cy", height)):
            assert -1 <= float(element.get(across, 0)) <= most + 1, ET.tostring(element)


@pytest.mark.parametrize("draw", ALL)
def test_alone_a_chart_brings_its_colours_light_and_dark(draw) -> None:
    svg = draw(charts.FRENCH, standalone=True)
    ET.fromstring(svg)
    assert "prefers-color-scheme: dark" in svg
    assert "var(--" not in svg


def test_the_stylesheet_of_the_pages_is_the_charts_own() -> None:
    written = (ROOT / "static/css/charts.css").read_text(encoding="utf-8")
    assert written.split("\n", 1)[1] == charts.stylesheet()


def test_both_languages_have_every_word() -> None:
    french, english = charts.FRENCH, charts.ENGLISH
    for words in (french, english):
        assert all(getattr(words, name) for name in words.__slots__)
    assert french.metrics.keys() == english.metrics.keys()
    assert french.avoided.keys() == english.avoided.keys()


def test_bars_start_at_zero() -> None:
    root = ET.fromstring(charts.importances([charts.ImportanceSet("v1", {"a": 0.2, "b": 0.1})]))
    bars = list(root.iter(f"{SVG}rect"))
    assert bars[0].get("x") == bars[1].get("x")
    assert float(bars[0].get("width", 0)) == pytest.approx(2 * float(bars[1].get("width", 0)), abs=0.02)


def test_right_is_better_even_where_less_is_better() -> None:
    fewer = Difference("severe_error_rate", 0.010, 0.004, -0.008, -0.004)
    svg = charts.differences([fewer], reference="v1", challenger="v2", labels=charts.ENGLISH)
    assert "Severe errors avoided: +0.60 pt (+0.40 pt / +0.80 pt)" in svg


@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_to_show_is_said(language) -> None:
    labels = charts.LABELS[language]
    for svg in (
        charts.metrics_over_versions([], labels=labels),
        charts.metrics_over_versions([charts.MetricSeries("accuracy", points(None, None))], labels=labels),
        charts.calibration([charts.CalibrationCurve("v1", ())], labels=labels),
        charts.importances([], labels=labels),
        charts.emergence_curve([], base_rate=None, labels=labels),
        charts.differences([], reference="v1", challenger="v2", labels=labels),
        charts.announcements([], labels=labels),
        charts.windows_over_time([], labels=labels),
        charts.windows_over_time([charts.WindowPoint("2024-02", ())], labels=labels),
        charts.distribution([], name="a", labels=labels),
    ):
        assert labels.nothing in svg


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_values_still_draw(value: float) -> None:
    drawings = (
        charts.metrics_over_versions([charts.MetricSeries("accuracy", points(*[value] * 60))]),
        charts.importances([charts.ImportanceSet("v1", {"a": 0.0})]),
        charts.emergence_curve([charts.EmergenceCurve("v1", (charts.EmergencePoint(1, value, value),))], base_rate=0.0),
        charts.calibration([charts.CalibrationCurve("v1", (charts.CalibrationBin(value, value, 1),))]),
        charts.differences([Difference("accuracy", value, value, 0.0, 0.0)], reference="v1", challenger="v2"),
        charts.windows_over_time([charts.WindowPoint("a", (charts.WindowShare("measured", value),))] * 60),
        charts.distribution([charts.ShareThenNow("a", value, value)], name="b"),
    )
    for svg in drawings:
        assert svg.startswith("<svg")
        assert "nan" not in svg


def test_a_strip_draws_an_interval_what_is_required_and_where_it_goes_beyond_the_axis() -> None:
    inside = charts.strip(0.58, 0.66, 0.73, axis=(0.0, 1.0), required=0.6)
    assert inside.count('class="interval sure"') == 3  # the interval and its two stops
    assert inside.count('class="baseline"') == 1
    assert 'class="axis"' not in inside
    beyond = charts.strip(-9.0, -6.0, 1.0, axis=(-4.0, 4.0), required=-1, zero=0)
    assert beyond.count('class="interval sure"') == 2  # no stop where the axis ends before the interval
    assert 'class="axis"' in beyond
    assert 'aria-hidden="true"' in beyond
    assert " style=" not in beyond


def test_a_window_is_drawn_as_what_is_known_of_it_and_its_value_read_aloud() -> None:
    svg = windows(charts.ENGLISH)
    assert svg.count('class="band"') == 1
    assert svg.count("<polygon") == 2  # the estimate, and its place in the key
    assert "2024-11, provisional: 96.7% (95.7% / 97.6%), 2024-11, estimated, not measured: 96.2%" in svg
    assert "“same as today” 96.7%" in svg


def test_of_many_bins_those_that_moved_most_are_drawn_in_their_order() -> None:
    bars = [charts.ShareThenNow(str(number), 0.1, 0.1 + number / 1000) for number in range(30)]
    svg = charts.distribution(bars, name="a", most=3, labels=charts.ENGLISH)
    assert [f">{number}<" in svg for number in (26, 27, 28, 29)] == [False, True, True, True]
    assert svg.index(">27<") < svg.index(">29<")
