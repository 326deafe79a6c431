"""Charts as SVG text: pure functions over small frozen inputs, the same bytes for the same input.

Each chart answers one comparison: its title says what it shows, series are named where they end, bars start
at zero, intervals, baselines and targets are drawn. ``standalone=True`` writes a file that looks right alone
(colours inside, light and dark); without it the page's own stylesheet colours the same classes
(``stylesheet()`` is ``static/css/charts.css``), as a strict content security policy asks.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final, Literal

from future_skills.comparison import Difference
from future_skills.formatting import Language, decimal, integer, percent, signed, signed_points
from future_skills.schema import HIGH, LOW, MEDIUM

Unit = Literal["percent", "score"]

WIDTH: Final = 640
PAD: Final = 16
LINE: Final = 18
_CHARACTER: Final = 6.9
"""Mean width of a character of the chart's font, in pixels: enough to lay text out without a font engine."""

LOWER_IS_BETTER: Final = frozenset({"severe_error_rate", "brier", "log_loss", "calibration_error"})
PERCENT_METRICS: Final = frozenset({"accuracy", "severe_error_rate", "precision_at_200"})


# --- Words ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Labels:
    """The words of the charts in one language; ``metrics``, ``avoided``, ``levels`` map a key to its word."""

    language: Language
    metrics: Mapping[str, str]
    avoided: Mapping[str, str]
    levels: Mapping[str, str]
    target: str
    predicted: str
    really: str
    metrics_title: str
    confusion_title: str
    calibration_title: str
    calibration_x: str
    calibration_y: str
    perfect: str
    importances_title: str
    importances_note: str
    importances_emergence: str
    emergence_title: str
    emergence_precision: str
    emergence_found: str
    emergence_x: str
    chance: str
    differences_title: str
    worse: str
    better: str
    margin: str
    announced_title: str
    announced_became: str
    announced_so_far: str
    announced_chance: str
    windows_title: str
    windows_known: Mapping[str, str]
    windows_declared: str
    windows_today: str
    distribution_title: str
    distribution_before: str
    distribution_now: str
    rows: str
    nothing: str

    def metric(self, key: str) -> str:
        """The word for a metric; its key where there is none."""
        return self.metrics.get(key, key)


FRENCH: Final = Labels(
    language="fr",
    metrics={
        "accuracy": "Exactitude",
        "f1_weighted": "F1 pondéré",
        "f1_macro": "F1 macro",
        "severe_error_rate": "Erreurs graves",
        "emergence": "Émergence (précision moyenne)",
        "precision_at_200": "Précision des 200 premières",
        "lift": "Émergence (fois mieux que le hasard)",
        "brier": "Score de Brier",
        "log_loss": "Perte logarithmique",
        "calibration_error": "Erreur de calibration",
        "kappa_quadratic": "Kappa quadratique",
    },
    avoided={"severe_error_rate": "Erreurs graves évitées"},
    levels={LOW: "Faible", MEDIUM: "Moyen", HIGH: "Élevé"},
    target="objectif",
    predicted="Prévu",
    really="Réel",
    metrics_title="Mesures de chaque version, à côté des références",
    confusion_title="{name} : ce qui était prévu et ce qui est arrivé",
    calibration_title="Quand le modèle se dit sûr, a-t-il raison ?",
    calibration_x="confiance annoncée",
    calibration_y="part de réponses justes",
    perfect="accord parfait",
    importances_title="Ce que coûte le brouillage de chaque variable",
    importances_note="perte de F1 macro sur les lignes de test",
    importances_emergence="perte de précision moyenne de l’émergence",
    emergence_title="Besoins émergents trouvés parmi les couples les mieux classés",
    emergence_precision="part devenue Élevé",
    emergence_found="part des besoins émergents trouvée",
    emergence_x="couples examinés, les mieux classés d’abord",
    chance="hasard",
    differences_title="{challenger} comparée à {reference} sur les mêmes lignes, intervalle à 90 %",
    worse="{challenger} fait moins bien",
    better="{challenger} fait mieux",
    margin="marge tolérée",
    announced_title="Annoncées en hausse : combien sont devenues HIGH ?",
    announced_became="{became} sur {pairs}",
    announced_so_far="{became} sur {pairs}, provisoire",
    announced_chance="au hasard : {chance} · comme aujourd’hui : 0",
    windows_title="Part de réponses justes, fenêtre par fenêtre",
    windows_known={"measured": "mesurée", "provisional": "provisoire", "estimated": "estimée, non mesurée"},
    windows_declared="annoncée",
    windows_today="« comme aujourd’hui »",
    distribution_title="{name} : avant et maintenant",
    distribution_before="avant",
    distribution_now="maintenant",
    rows="lignes",
    nothing="Aucune donnée à montrer.",
)

ENGLISH: Final = Labels(
    language="en",
    metrics={
        "accuracy": "Accuracy",
        "f1_weighted": "Weighted F1",
        "f1_macro": "Macro F1",
        "severe_error_rate": "Severe errors",
        "emergence": "Emergence (average precision)",
        "precision_at_200": "Precision of the top 200",
        "lift": "Emergence (times better than chance)",
        "brier": "Brier score",
        "log_loss": "Log loss",
        "calibration_error": "Calibration error",
        "kappa_quadratic": "Quadratic kappa",
    },
    avoided={"severe_error_rate": "Severe errors avoided"},
    levels={LOW: "Low", MEDIUM: "Medium", HIGH: "High"},
    target="target",
    predicted="Predicted",
    really="Real",
    metrics_title="Metrics of each version, beside the baselines",
    confusion_title="{name}: what was predicted and what happened",
    calibration_title="When the model says it is sure, is it right?",
    calibration_x="confidence announced",
    calibration_y="share of right answers",
    perfect="perfect agreement",
    importances_title="What shuffling each feature costs",
    importances_note="loss of macro F1 on the test rows",
    importances_emergence="loss of average precision of emergence",
    emergence_title="Emerging needs found among the pairs ranked highest",
    emergence_precision="share that became High",
    emergence_found="share of emerging needs found",
    emergence_x="pairs looked at, highest ranked first",
    chance="chance",
    differences_title="{challenger} against {reference} on the same rows, 90% interval",
    worse="{challenger} does worse",
    better="{challenger} does better",
    margin="margin allowed",
    announced_title="Announced as rising: how many became HIGH?",
    announced_became="{became} of {pairs}",
    announced_so_far="{became} of {pairs}, provisional",
    announced_chance="by chance: {chance} · same as today: 0",
    windows_title="Share of right answers, window by window",
    windows_known={"measured": "measured", "provisional": "provisional", "estimated": "estimated, not measured"},
    windows_declared="declared",
    windows_today="“same as today”",
    distribution_title="{name}: then and now",
    distribution_before="then",
    distribution_now="now",
    rows="rows",
    nothing="No data to show.",
)

LABELS: Final[Mapping[Language, Labels]] = {"fr": FRENCH, "en": ENGLISH}


# --- What the charts show -------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class VersionPoint:
    """A version's value of a metric (None where it could not be computed), with its interval if known."""

    version: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A level drawn across a chart: a baseline, or a target."""

    label: str
    value: float
    kind: Literal["baseline", "target"] = "baseline"


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric over versions, oldest first."""

    metric: str
    points: tuple[VersionPoint, ...]
    lines: tuple[ReferenceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows whose confidence falls in one bin: its mean, the share that is right, how many they are."""

    confidence: float
    share_right: float
    rows: int


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """The reliability diagram of one version."""

    version: str
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class ImportanceSet:
    """Importances of one version: feature -> loss when it is shuffled."""

    version: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EmergencePoint:
    """Among the ``k`` pairs ranked highest: the share that became HIGH, and the share of all that did."""

    k: int
    precision: float
    share_found: float


@dataclass(frozen=True, slots=True)
class EmergenceCurve:
    """The emergence curve of one version."""

    version: str
    points: tuple[EmergencePoint, ...]


@dataclass(frozen=True, slots=True)
class Announcement:
    """Pairs announced at a period: of how many one knows what came of them, how many became HIGH, how many chance would find."""

    period: str
    pairs: int
    became: int
    by_chance: float | None = None
    provisional: bool = False


WindowKnown = Literal["measured", "provisional", "estimated"]


@dataclass(frozen=True, slots=True)
class WindowShare:
    """A share of right answers in a window: measured on its labels, on the levels so far, or estimated; with its interval."""

    known: WindowKnown
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class WindowPoint:
    """What is known of a window, and the share that "same as today" has right on the same rows."""

    window: str
    shares: tuple[WindowShare, ...]
    today: float | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """The share that a version declared, with its interval if known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ShareThenNow:
    """A bin or a category: its share then and now."""

    name: str
    before: float
    now: float


# --- Colours --------------------------------------------------------------------------------------
_LIGHT: Final = {
    "page": "#ffffff",
    "ink": "#1b2533",
    "muted": "#566273",
    "grid": "#dde2e8",
    "accent": "#1d5fa8",
    "second": "#7b8794",
    "third": "#b3bcc7",
}
_DARK: Final = {
    "page": "#12161d",
    "ink": "#e4e9f0",
    "muted": "#a3aebc",
    "grid": "#2c3542",
    "accent": "#79b4f2",
    "second": "#8f9bab",
    "third": "#5a6675",
}
_RULES: Final = Template(
    """\
.chart text { fill: $ink; font: 13px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.chart .title { font-weight: 600; font-size: 15px; }
.chart .strong { font-weight: 600; }
.chart .muted { fill: $muted; }
.chart .halo { stroke: $page; stroke-width: 4px; paint-order: stroke; stroke-linejoin: round; }
.chart .page { fill: $page; }
.chart .grid { stroke: $grid; stroke-width: 1; }
.chart .axis { stroke: $muted; stroke-width: 1; }
.chart .baseline { stroke: $muted; stroke-width: 1.5; stroke-dasharray: 6 3; }
.chart .target { stroke: $accent; stroke-width: 1.5; stroke-dasharray: 2 3; }
.chart .cell { fill: $accent; }
.chart .cell-edge { fill: none; stroke: $grid; }
.chart .s0 { fill: $accent; }
.chart .s1 { fill: $second; }
.chart .s2 { fill: $third; }
.chart .s3 { fill: $page; stroke: $second; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .l0 { stroke: $accent; }
.chart .l1 { stroke: $second; }
.chart .l2 { stroke: $second; stroke-dasharray: 7 3; }
.chart .l3 { stroke: $second; stroke-dasharray: 2 3; }
.chart .interval { stroke-width: 2; stroke: $second; }
.chart .interval.sure { stroke: $accent; }
.chart .open { fill: $page; stroke: $second; stroke-width: 2; }
.chart .open.sure { stroke: $accent; }
.chart .band { fill: $accent; fill-opacity: 0.13; }
.chart .today { stroke: $muted; stroke-width: 2; }
"""
)


def stylesheet() -> str:
    """The style rules of the charts in a page, colours as the page's own custom properties."""
    return _RULES.substitute({name: f"var(--chart-{name})" for name in _LIGHT})


def _standalone_style() -> str:
    dark = _RULES.substitute(_DARK)
    return f"<style>\n{_RULES.substitute(_LIGHT)}@media (prefers-color-scheme: dark) {{\n{dark}}}\n</style>"


# --- SVG pieces -----------------------------------------------------------------------------------
def _n(value: float) -> str:
    """A coordinate, at most two decimals, no negative zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> str:
    style = f' class="{css}"' if css else ""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{_n(x)}" y="{_n(y)}"{style}{side}>{escape(content)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line class="{css}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'


def _rect(
    x: float, y: float, width: float, height: float, *, css: str, tip: str = "", opacity: float | None = None
) -> str:
    fade = "" if opacity is None else f' fill-opacity="{_n(opacity)}"'
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" height="{_n(height)}"'
    box = f'class="{css}" {place}{fade}'
    return f"<rect {box}><title>{escape(tip)}</title></rect>" if tip else f"<rect {box}/>"


def _dot(x: float, y: float, radius: float, css: str, tip: str) -> str:
    place = f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"'
    return f'<circle class="{css}" {place}><title>{escape(tip)}</title></circle>'


def _fit(content: str, pixels: float) -> str:
    """The text, cut with an ellipsis where it would be wider than ``pixels``."""
    room = max(2, int(pixels / _CHARACTER))
    return content if len(content) <= room else content[: room - 1] + "…"


def _svg(kind: str, height: float, title: str, description: str, parts: Sequence[str], *, standalone: bool) -> str:
    """The whole document: role, title and description for those who do not see it, then the drawing."""
    key = f"{kind}-{zlib.crc32((title + description).encode()):08x}"
    pad = PAD if standalone else 0
    wide, high = WIDTH + 2 * pad, height + 2 * pad
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-labelledby="{key}-t {key}-d" '
        f'viewBox="{-pad} {-pad} {wide} {_n(high)}" width="{wide}" height="{_n(high)}">'
    )
    lines = [head, f'<title id="{key}-t">{escape(title)}</title>']
    lines.append(f'<desc id="{key}-d">{escape(description)}</desc>')
    if standalone:
        lines += [_standalone_style(), _rect(-pad, -pad, wide, high, css="page")]
    return "\n".join([*lines, *parts, "</svg>"]) + "\n"


def _empty(kind: str, title: str, labels: Labels, *, standalone: bool) -> str:
    parts = [_text(0, LINE, title, "title"), _text(0, 2.5 * LINE, labels.nothing, "muted")]
    return _svg(kind, 3.5 * LINE, title, labels.nothing, parts, standalone=standalone)


@dataclass(frozen=True, slots=True)
class _Scale:
    """A straight line from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that cuts ``span`` into at most ``most`` parts."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most + 1e-9)


def _ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round values between two ends."""
    step = _step(high - low, most)
    first = math.ceil(low / step - 1e-9)
    return [round(step * index, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _digits(ticks: Sequence[float], *, share: bool) -> int:
    """How many decimals tell the ticks apart, at most 4."""
    scaled = [tick * (100 if share else 1) for tick in ticks]
    exact = (digits for digits in range(5) if all(abs(round(t, digits) - t) < 1e-9 for t in scaled))
    return next(exact, 4)


def _spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights moved as little as a simple pass can, so that labels stand ``gap`` apart between two ends."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed = list(heights)
    floor = low
    for index in order:
        placed[index] = max(placed[index], floor)
        floor = placed[index] + gap
    ceiling = high
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed


def _value(metric: str, value: float | None, labels: Labels) -> str:
    """A metric's value in words: a percentage or a three-decimal score."""
    if metric in PERCENT_METRICS:
        return percent(value, labels.language)
    return decimal(value, labels.language, 1 if metric == "lift" else 3)


def _series_class(index: int, count: int, prefix: str) -> str:
    """The accent for the last series (the newest), neutral ones for those before."""
    return f"{prefix}{min(count - 1 - index, 3)}"


def _key(names: Sequence[str], y: float) -> list[str]:
    """The names of the series with their squares, on one line (or several, where they are long)."""
    parts, x = [], 0.0
    for index, name in enumerate(names):
        shown = _fit(name, 240)
        width = 26 + len(shown) * _CHARACTER
        if x and x + width > WIDTH:
            x, y = 0.0, y + LINE
        parts.append(_rect(x, y - 10, 11, 11, css=_series_class(index, len(names), "s")))
        parts.append(_text(x + 17, y, shown, "strong" if index == len(names) - 1 else ""))
        x += width + 8
    return parts


# --- Metrics over versions ------------------------------------------------------------------------
def metrics_over_versions(series: Sequence[MetricSeries], *, labels: Labels = ENGLISH, standalone: bool = False) -> str:
    """One small panel per metric: each version's value (with its interval), baselines and target as lines."""
    shown = [one for one in series if any(point.value is not None for point in one.points)]
    if not shown:
        return _empty("metrics", labels.metrics_title, labels, standalone=standalone)
    panel = 178.0
    parts = [_text(0, LINE, labels.metrics_title, "title")]
    for index, one in enumerate(shown):
        parts += _metric_panel(one, 34 + index * panel, labels)
    description = " ".join(_metric_words(one, labels) for one in shown)
    return _svg("metrics", 34 + panel * len(shown), labels.metrics_title, description, parts, standalone=standalone)


def _metric_words(series: MetricSeries, labels: Labels) -> str:
    newest = [f"{point.version} {_value(series.metric, point.value, labels)}" for point in series.points[-20:]]
    lines = [f"{line.label} {_value(series.metric, line.value, labels)}" for line in series.lines]
    return f"{labels.metric(series.metric)}: {', '.join(newest + lines)}."


def _metric_range(series: MetricSeries) -> tuple[float, float]:
    """Ends of the value axis, with air; at least two points wide."""
    values = [
        value for point in series.points for value in (point.value, point.low, point.high) if value is not None
    ] + [line.value for line in series.lines]
    air = max(0.12 * (max(values) - min(values)), 0.01)
    return min(values) - air, max(values) + air


def _metric_panel(series: MetricSeries, top: float, labels: Labels) -> list[str]:
    left, right = 56.0, WIDTH - 216.0
    low, high = _metric_range(series)
    scale = _Scale(low, high, top + 142, top + 26)
    ticks = _ticks(low, high)
    share = series.metric in PERCENT_METRICS
    digits = _digits(ticks, share=share)
    parts = [_text(0, top + 12, labels.metric(series.metric), "strong")]
    for tick in ticks:
        word = percent(tick, labels.language, digits) if share else decimal(tick, labels.language, digits)
        parts += [
            _line(left, scale(tick), right, scale(tick), "grid"),
            _text(left - 6, scale(tick) + 4, word, "muted", "end"),
        ]
    places = _spread([scale(line.value) for line in series.lines], 15, top + 26, top + 142)
    for line, place in zip(series.lines, places, strict=True):
        name = line.label or (labels.target if line.kind == "target" else "")
        word = f"{_value(series.metric, line.value, labels)} {name}"
        parts += [
            _line(left, scale(line.value), right, scale(line.value), line.kind),
            _text(right + 8, place + 4, _fit(word, WIDTH - right - 8), "muted"),
        ]
    return parts + _metric_points(series, scale, (left, right), top + 160, labels)


def _metric_points(
    series: MetricSeries, scale: _Scale, ends: tuple[float, float], bottom: float, labels: Labels
) -> list[str]:
    """Dots with their intervals, joined by a line; values and names as many as fit."""
    left, right = ends
    count = len(series.points)
    gap = (right - left) / count
    known = [(left + gap * (i + 0.5), point) for i, point in enumerate(series.points) if point.value is not None]
    joined = " ".join(f"{_n(x)},{_n(scale(p.value))}" for x, p in known if p.value is not None)
    parts = [f'<polyline class="line l1" points="{joined}"/>'] if len(known) > 1 else []
    every = max(1, math.ceil(min(96.0, 20 + max(len(p.version) for p in series.points) * _CHARACTER) / gap))
    for index, point in enumerate(series.points):
        x = left + gap * (index + 0.5)
        if (count - 1 - index) % every == 0:
            parts.append(_text(x, bottom, _fit(point.version, gap * every - 6), "muted", "middle"))
        if point.value is None:
            continue
        y = scale(point.value)
        if point.low is not None and point.high is not None:
            parts.append(_line(x, scale(point.low), x, scale(point.high), "interval"))
        newest = index == count - 1
        word = _value(series.metric, point.value, labels)
        parts.append(_dot(x, y, 4.5 if newest else 3.5, "s0" if newest else "s1", f"{point.version}: {word}"))
        if newest or gap > 64:
            parts.append(_text(x, y - 9, word, "halo strong" if newest else "halo", "middle"))
    return parts


# --- Confusion matrix -----------------------------------------------------------------------------
def confusion_matrix(
    matrix: Sequence[Sequence[int]], *, name: str, labels: Labels = ENGLISH, standalone: bool = False
) -> str:
    """Real levels in rows, predicted ones in columns: count, share of the row, a shade that follows it."""
    title = labels.confusion_title.format(name=_fit(name, 260))
    words = [labels.levels[level] for level in (LOW, MEDIUM, HIGH)]
    left, top, width, height = 120.0, 78.0, 168.0, 56.0
    parts = [
        _text(0, LINE, title, "title"),
        _text(left, 46, f"{labels.predicted} →", "muted"),
        _text(0, top - 10, f"{labels.really} ↓", "muted"),
    ]
    described = []
    for column, word in enumerate(words):
        parts.append(_text(left + width * (column + 0.5), top - 10, word, "strong", "middle"))
    for row, (word, counts) in enumerate(zip(words, matrix, strict=True)):
        y, total = top + height * row, sum(counts)
        parts.append(_text(left - 12, y + height / 2 + 5, word, "strong", "end"))
        for column, count in enumerate(counts):
            x, share = left + width * column, count / total if total else 0.0
            number, rate = integer(count, labels.language), percent(share if total else None, labels.language)
            tip = f"{labels.really} {word}, {labels.predicted.lower()} {words[column]}: {number}"
            described.append(tip)
            parts += [
                _rect(x, y, width, height, css="cell", tip=tip, opacity=0.5 * share),
                _rect(x, y, width, height, css="cell-edge"),
                _text(x + width / 2, y + 25, number, "strong", "middle"),
                _text(x + width / 2, y + 43, rate, "", "middle"),
            ]
    return _svg("confusion", top + 3 * height + 8, title, "; ".join(described), parts, standalone=standalone)


# --- Calibration ----------------------------------------------------------------------------------
def calibration(curves: Sequence[CalibrationCurve], *, labels: Labels = ENGLISH, standalone: bool = False) -> str:
    """Reliability diagram: announced confidence against the share that is right; dots grow with rows."""
    shown = [curve for curve in curves if curve.bins]
    if not shown:
        return _empty("calibration", labels.calibration_title, labels, standalone=standalone)
    left, right, top, bottom = 56.0, 456.0, 62.0, 402.0
    lowest = min(min(b.confidence, b.share_right) for curve in shown for b in curve.bins)
    low = min(math.floor(lowest * 5) / 5, 0.8)
    across, up = _Scale(low, 1, left, right), _Scale(low, 1, bottom, top)
    parts = [
        _text(0, LINE, labels.calibration_title, "title"),
        _text(left, top - 14, labels.calibration_y, "muted"),
        _text(right, bottom + 36, labels.calibration_x, "muted", "end"),
    ]
    for tick in _ticks(low, 1, 5):
        word = percent(tick, labels.language, 0)
        parts += [
            _line(left, up(tick), right, up(tick), "grid"),
            _text(left - 6, up(tick) + 4, word, "muted", "end"),
            _text(across(tick), bottom + 18, word, "muted", "middle"),
        ]
    parts.append(_line(across(low), up(low), across(1), up(1), "baseline"))
    ends = [up(curve.bins[-1].share_right) for curve in shown]
    places = _spread([top + 4, *ends], 16, top - 10, bottom)
    parts.append(_text(right + 10, places[0], labels.perfect, "muted"))
    most = max(b.rows for curve in shown for b in curve.bins)
    for index, curve in enumerate(shown):
        style = _series_class(index, len(shown), "")
        parts += _calibration_curve(curve, (across, up), style, most, labels)
        weight = "strong" if index == len(shown) - 1 else ""
        parts.append(_text(right + 10, places[index + 1] + 4, _fit(curve.version, WIDTH - right - 10), weight))
    return _svg(
        "calibration",
        bottom + 48,
        labels.calibration_title,
        _bin_words(shown, labels),
        parts,
        standalone=standalone,
    )


def _calibration_curve(
    curve: CalibrationCurve, scales: tuple[_Scale, _Scale], style: str, most: int, labels: Labels
) -> list[str]:
    across, up = scales
    joined = " ".join(f"{_n(across(b.confidence))},{_n(up(b.share_right))}" for b in curve.bins)
    dots = [
        _dot(across(b.confidence), up(b.share_right), 3 + 7 * math.sqrt(b.rows / most), f"s{style}", tip)
        for b in curve.bins
        for tip in [f"{curve.version}: {_one_bin(b, labels, 1)}, n = {integer(b.rows, labels.language)}"]
    ]
    return [f'<polyline class="line l{style}" points="{joined}"/>', *dots]


def _one_bin(one: CalibrationBin, labels: Labels, digits: int) -> str:
    announced, right = (percent(share, labels.language, digits) for share in (one.confidence, one.share_right))
    return f"{announced} → {right}"


def _bin_words(curves: Sequence[CalibrationCurve], labels: Labels) -> str:
    return " ".join(
        f"{curve.version}: {', '.join(_one_bin(one, labels, 0) for one in curve.bins)}." for curve in curves
    )


# --- Importances ----------------------------------------------------------------------------------
def importances(
    sets: Sequence[ImportanceSet],
    *,
    labels: Labels = ENGLISH,
    measure: Literal["f1_macro", "emergence"] = "f1_macro",
    most: int = 15,
    standalone: bool = False,
) -> str:
    """Bars from zero, the features that matter most in any version first; several versions side by side.

    Args:
        sets: one per version, oldest first.
        labels: the words.
        measure: what the importances are a loss of.
        most: how many features are shown.
        standalone: see the module.
    """
    features = _leading_features(sets, most)
    title = labels.importances_title
    if not features:
        return _empty("importances", title, labels, standalone=standalone)
    several = len(sets) > 1
    thick, air = (14.0, 8.0)
    group, top = thick * len(sets) + air, 78.0 if several else 54.0
    bottom = top + group * len(features)
    scale = _importance_scale(sets, features)
    note = labels.importances_emergence if measure == "emergence" else labels.importances_note
    parts = [_text(0, LINE, title, "title"), _text(0, 38, note, "muted")]
    parts += _key([one.version for one in sets], 62) if several else []
    for row, feature in enumerate(features):
        y = top + row * group
        parts.append(_text(_NAMES - 8, y + thick * len(sets) / 2 + 4.5, _fit(feature, _NAMES - 8), "", "end"))
        parts += _importance_bars(sets, feature, scale, (y, thick), labels)
    parts.append(_line(scale(0), top - 4, scale(0), bottom - 4, "axis"))
    words = f"{note}: " + " ".join(_importance_words(one, features, labels) for one in sets)
    return _svg("importances", bottom + 4, title, words, parts, standalone=standalone)


_VISIBLE: Final = 0.0005
"""An importance below this is written 0.000: no bar to see."""

_NAMES: Final = 216.0
"""Room for the names to the left of horizontal charts, in pixels."""


def _leading_features(sets: Sequence[ImportanceSet], most: int) -> list[str]:
    """The features that matter most in any of the sets, then by name; those that cost nothing are left out."""
    weight = {feature: max(abs(one.values.get(feature, 0.0)) for one in sets) for one in sets for feature in one.values}
    order = sorted(weight, key=lambda feature: (-weight[feature], feature))
    return [feature for feature in order if weight[feature] >= _VISIBLE][:most] or order[:5]


def _importance_scale(sets: Sequence[ImportanceSet], features: Sequence[str]) -> _Scale:
    values = [one.values.get(feature, 0.0) for one in sets for feature in features]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    if high - low < 1e-9:
        high = low + 0.01
    return _Scale(low, high, _NAMES + (52 if low < 0 else 0), WIDTH - 62.0)


def _importance_words(one: ImportanceSet, features: Sequence[str], labels: Labels) -> str:
    values = [f"{name} {decimal(one.values[name], labels.language)}" for name in features if name in one.values]
    return f"{one.version}: {', '.join(values)}."


def _importance_bars(
    sets: Sequence[ImportanceSet], feature: str, scale: _Scale, place: tuple[float, float], labels: Labels
) -> list[str]:
    """One bar for each version that reads the feature, in the middle of the feature's place."""
    top, thick = place
    readers = [(index, one) for index, one in enumerate(sets) if feature in one.values]
    y = top + thick * (len(sets) - len(readers)) / 2
    parts = []
    for row, (index, one) in enumerate(readers):
        value, bar = one.values[feature], y + thick * row
        start, end = sorted((scale(0), scale(value)))
        word = decimal(value, labels.language)
        x, anchor = (end + 5, "start") if value >= 0 else (start - 5, "end")
        style, tip = _series_class(index, len(sets), "s"), f"{one.version}, {feature}: {word}"
        parts += [
            _rect(start, bar + 1, end - start, thick - 2, css=style, tip=tip),
            _text(x, bar + thick / 2 + 4.5, word, "muted", anchor),
        ]
    return parts


# --- Emergence ------------------------------------------------------------------------------------
def emergence_curve(
    curves: Sequence[EmergenceCurve],
    *,
    base_rate: float | None,
    marked: int = 200,
    labels: Labels = ENGLISH,
    standalone: bool = False,
) -> str:
    """Two panels over the k pairs ranked highest: the share that became HIGH, and the share of all found."""
    shown = [curve for curve in curves if curve.points]
    if not shown:
        return _empty("emergence", labels.emergence_title, labels, standalone=standalone)
    parts = [_text(0, LINE, labels.emergence_title, "title"), *_key([curve.version for curve in shown], 42)]
    precision = [[(point.k, point.precision) for point in curve.points] for curve in shown]
    found = [[(point.k, point.share_found) for point in curve.points] for curve in shown]
    parts += _emergence_panel(precision, (44, 300), labels.emergence_precision, (base_rate, marked), labels)
    parts += _emergence_panel(found, (384, WIDTH - 16), labels.emergence_found, (None, marked), labels)
    parts.append(_text(WIDTH - 16, 328, labels.emergence_x, "muted", "end"))
    words = " ".join(
        f"{curve.version}: k = {integer(p.k, labels.language)}, {percent(p.precision, labels.language)}, "
        f"{percent(p.share_found, labels.language)}."
        for curve in shown
        for p in [_nearest(curve, marked)]
    )
    return _svg("emergence", 340, labels.emergence_title, words, parts, standalone=standalone)


def _nearest(curve: EmergenceCurve, k: int) -> EmergencePoint:
    return min(curve.points, key=lambda point: (abs(point.k - k), point.k))


def _emergence_panel(
    curves: Sequence[Sequence[tuple[int, float]]],
    ends: tuple[float, float],
    heading: str,
    marks: tuple[float | None, int],
    labels: Labels,
) -> list[str]:
    left, right = ends
    base_rate, marked = marks
    top, bottom = 92.0, 284.0
    most = max(max(k for k, _ in curve) for curve in curves)
    high = min(1.0, 1.1 * max([value for curve in curves for _, value in curve] + [base_rate or 0.0, 0.01]))
    across, up = _Scale(0, most, left, right), _Scale(0, high, bottom, top)
    parts = [_text(left - 40, top - 18, heading, "strong")]
    ticks = _ticks(0, high)
    for tick in ticks:
        word = percent(tick, labels.language, _digits(ticks, share=True))
        parts += [
            _line(left, up(tick), right, up(tick), "grid"),
            _text(left - 5, up(tick) + 4, word, "muted", "end"),
        ]
    for tick in _ticks(0, most, 3)[1:]:
        parts.append(_text(across(tick), bottom + 18, integer(tick, labels.language), "muted", "middle"))
    if base_rate is not None:
        word = f"{labels.chance} {percent(base_rate, labels.language)}"
        parts += [_line(left, up(base_rate), right, up(base_rate), "baseline")]
        parts += [_text(right, up(base_rate) - 5, word, "muted", "end")]
    if marked <= most:
        parts += [
            _line(across(marked), top, across(marked), bottom, "target"),
            _text(across(marked) + 4, top + 6, str(marked), "muted"),
        ]
    for index, curve in enumerate(curves):
        joined = " ".join(f"{_n(across(k))},{_n(up(value))}" for k, value in curve)
        parts.append(f'<polyline class="line {_series_class(index, len(curves), "l")}" points="{joined}"/>')
    return parts


# --- Paired differences ---------------------------------------------------------------------------
def differences(
    rows: Sequence[Difference],
    *,
    reference: str,
    challenger: str,
    margins: Mapping[str, float] | None = None,
    labels: Labels = ENGLISH,
    standalone: bool = False,
) -> str:
    """A dot and its 90 % interval per metric around the zero line; to the right, the challenger does better.

    A metric for which less is better is drawn as what was avoided, so that right always means better.
    """
    short = {"reference": _fit(reference, 170), "challenger": _fit(challenger, 170)}
    title = labels.differences_title.format(**short)
    if not rows:
        return _empty("differences", title, labels, standalone=standalone)
    allowed = margins or {}
    turned = [_turned(row) for row in rows]
    ends = [abs(end) for _, low, high in turned for end in (low, high)]
    extent = 1.06 * max(*ends, *(allowed.get(row.metric, 0.0) for row in rows)) or 0.01
    scale = _Scale(-extent, extent, _NAMES, WIDTH - 92.0)
    top, step, middle = 76.0, 40.0, scale(0)
    bottom = top + step * len(rows)
    name = _fit(challenger, 60)
    parts = [
        _text(0, LINE, title, "title"),
        _text(middle - 10, 52, f"← {labels.worse.format(challenger=name)}", "muted", "end"),
        _text(middle + 10, 52, f"{labels.better.format(challenger=name)} →", "muted"),
    ]
    for index, row in enumerate(rows):
        parts += _difference_row(row, scale, top + step * index, allowed.get(row.metric), labels)
    parts.append(_line(middle, top - 14, middle, bottom - 8, "axis"))
    key = [
        _line(_NAMES, bottom + 8, _NAMES + 26, bottom + 8, "baseline"),
        _text(_NAMES + 34, bottom + 12, labels.margin, "muted"),
    ]
    shown = any(row.metric in allowed for row in rows)
    words = "; ".join(_difference_words(row, labels) for row in rows)
    height = bottom + (20 if shown else 0)
    return _svg("differences", height, title, words, parts + (key if shown else []), standalone=standalone)


def _turned(row: Difference) -> tuple[float, float, float]:
    """Difference and ends of its interval, turned so that more is better."""
    if row.metric in LOWER_IS_BETTER:
        return -row.difference, -row.high, -row.low
    return row.difference, row.low, row.high


def _difference_name(row: Difference, labels: Labels) -> str:
    return labels.avoided.get(row.metric, labels.metric(row.metric))


def _difference_value(metric: str, value: float, labels: Labels) -> str:
    if metric in PERCENT_METRICS:
        return signed_points(value, labels.language, 2)
    return signed(value, labels.language)


def _difference_words(row: Difference, labels: Labels) -> str:
    value, low, high = (_difference_value(row.metric, end, labels) for end in _turned(row))
    return f"{_difference_name(row, labels)}: {value} ({low} / {high})"


def _difference_row(row: Difference, scale: _Scale, y: float, margin: float | None, labels: Labels) -> list[str]:
    value, low, high = _turned(row)
    sure = low > 0 or high < 0
    style = "interval sure" if sure else "interval"
    dot = "s0" if low > 0 else "open sure" if sure else "open"
    parts = [_text(0, y + 4, _fit(_difference_name(row, labels), _NAMES - 10))]
    if margin is not None:
        parts.append(_line(scale(-margin), y - 12, scale(-margin), y + 12, "baseline"))
    return [
        *parts,
        _line(scale(low), y, scale(high), y, style),
        _line(scale(low), y - 5, scale(low), y + 5, style),
        _line(scale(high), y - 5, scale(high), y + 5, style),
        _dot(scale(value), y, 5, dot, _difference_words(row, labels)),
        _text(WIDTH - 82, y + 4, _difference_value(row.metric, value, labels), "strong" if sure else ""),
    ]


# --- Announced and happened -----------------------------------------------------------------------
def announcements(rows: Sequence[Announcement], *, labels: Labels = ENGLISH, standalone: bool = False) -> str:
    """One bar a period, as long as what was announced, filled as far as it became HIGH; a mark where chance would be."""
    if not rows:
        return _empty("announced", labels.announced_title, labels, standalone=standalone)
    scale = _Scale(0, max(1, *(row.pairs for row in rows)), 84, 300)
    parts = [_text(0, LINE, labels.announced_title, "title")]
    for index, row in enumerate(rows):
        parts += _announcement(row, scale, 40 + 40 * index, labels)
    words = " ".join(f"{row.period}: {_announced_words(row, labels)}." for row in rows)
    return _svg("announced", 40 + 40 * len(rows), labels.announced_title, words, parts, standalone=standalone)


def _announced_words(row: Announcement, labels: Labels) -> str:
    template = labels.announced_so_far if row.provisional else labels.announced_became
    counts = {name: integer(getattr(row, name), labels.language) for name in ("became", "pairs")}
    return template.format(**counts)


def _announcement(row: Announcement, scale: _Scale, top: float, labels: Labels) -> list[str]:
    words, start = _announced_words(row, labels), scale(0)
    parts = [
        _text(0, top + 15, row.period),
        _rect(start, top, scale(row.pairs) - start, 22, css="s3", tip=words),
        _rect(start, top, scale(row.became) - start, 22, css="s1" if row.provisional else "s0", tip=words),
        _text(312, top + 10, words, "strong"),
    ]
    if row.by_chance is not None:
        chance = labels.announced_chance.format(chance=decimal(row.by_chance, labels.language, 1))
        parts.append(_line(scale(row.by_chance), top - 3, scale(row.by_chance), top + 25, "axis"))
        parts.append(_text(312, top + 26, chance, "muted"))
    return parts


# --- Windows of answers -----------------------------------------------------------------------------
def windows_over_time(
    points: Sequence[WindowPoint],
    *,
    declared: Declared | None = None,
    labels: Labels = ENGLISH,
    standalone: bool = False,
) -> str:
    """The share of right answers of each window with its interval, the declared one as a band, "same as today" as a dash.

    Args:
        points: oldest first.
        declared: what the version declared.
        labels: the words.
        standalone: see the module.
    """
    title = labels.windows_title
    if not any(point.shares for point in points):
        return _empty("windows", title, labels, standalone=standalone)
    left, right, top, bottom = 56.0, WIDTH - 132.0, 66.0, 252.0
    up = _Scale(*_windows_range(points, declared), bottom, top)
    parts = [_text(0, LINE, title, "title"), *_windows_key(points, labels)]
    ticks = _ticks(up.low, up.high)
    for tick in ticks:
        word = percent(tick, labels.language, _digits(ticks, share=True))
        parts += [
            _line(left, up(tick), right, up(tick), "grid"),
            _text(left - 6, up(tick) + 4, word, "muted", "end"),
        ]
    if declared is not None:
        parts += _declared_band(declared, up, (left, right), labels)
    gap = (right - left) / len(points)
    every = max(1, math.ceil((16 + max(len(point.window) for point in points) * _CHARACTER) / gap))
    for index, point in enumerate(points):
        middle = left + gap * (index + 0.5)
        if (len(points) - 1 - index) % every == 0:
            parts.append(_text(middle, bottom + 20, _fit(point.window, gap * every), "muted", "middle"))
        parts += _window_point(point, up, (middle, gap), labels)
    words = "; ".join(_window_words(point, labels) for point in points)
    return _svg("windows", bottom + 28, title, words, parts, standalone=standalone)


def _windows_range(points: Sequence[WindowPoint], declared: Declared | None) -> tuple[float, float]:
    """Ends of the axis, with air; inside 0 to 1 but for that air."""
    found = [end for point in points for one in point.shares for end in (one.value, one.low, one.high)]
    found += [point.today for point in points]
    found += [declared.value, declared.low, declared.high] if declared else []
    values = [value for value in found if value is not None]
    air = max(0.12 * (max(values) - min(values)), 0.01)
    return min(values) - air, max(values) + air


def _declared_band(declared: Declared, up: _Scale, ends: tuple[float, float], labels: Labels) -> list[str]:
    left, right = ends
    parts = []
    if declared.low is not None and declared.high is not None:
        height = up(declared.low) - up(declared.high)
        parts.append(_rect(left, up(declared.high), right - left, height, css="band"))
    word = f"{percent(declared.value, labels.language)} {labels.windows_declared}"
    return [
        *parts,
        _line(left, up(declared.value), right, up(declared.value), "target"),
        _text(right + 8, up(declared.value) + 4, word, "muted"),
    ]


def _windows_key(points: Sequence[WindowPoint], labels: Labels) -> list[str]:
    """What the marks mean, those that are there."""
    there = {one.known for point in points for one in point.shares}
    parts, x, y = [], 6.0, 44.0
    for known, word in labels.windows_known.items():
        if known in there:
            parts += [_window_mark(known, x, y - 4, word), _text(x + 12, y, word)]
            x += 46 + len(word) * _CHARACTER
    if any(point.today is not None for point in points):
        parts += [_line(x - 5, y - 4, x + 9, y - 4, "today"), _text(x + 16, y, labels.windows_today)]
    return parts


def _window_mark(known: str, x: float, y: float, tip: str) -> str:
    """Full where it is measured, open where it is provisional, a diamond where it is a guess."""
    if known != "estimated":
        return _dot(x, y, 4.5, "s0" if known == "measured" else "open sure", tip)
    corners = " ".join(f"{_n(x + dx)},{_n(y + dy)}" for dx, dy in ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)))
    return f'<polygon class="open" points="{corners}"><title>{escape(tip)}</title></polygon>'


def _window_point(point: WindowPoint, up: _Scale, place: tuple[float, float], labels: Labels) -> list[str]:
    """The marks of a window side by side, with their intervals; their values where there is room."""
    middle, gap = place
    count = len(point.shares)
    step = min(60.0, gap / (count + 1))
    parts = []
    if point.today is not None:
        half = min(22.0, gap / 3)
        parts.append(_line(middle - half, up(point.today), middle + half, up(point.today), "today"))
    for index, one in enumerate(point.shares):
        x = middle + step * (index - (count - 1) / 2)
        if one.low is not None and one.high is not None:
            style = "interval" if one.known == "estimated" else "interval sure"
            parts.append(_line(x, up(one.low), x, up(one.high), style))
        parts.append(_window_mark(one.known, x, up(one.value), _share_words(point, one, labels)))
        if step > 44:  # the first of several on the left, so that it is not written over the second
            beside, anchor = (-9, "end") if index < count - 1 else (9, "start")
            parts.append(_text(x + beside, up(one.value) + 4, percent(one.value, labels.language), "halo", anchor))
    return parts


def _share_words(point: WindowPoint, one: WindowShare, labels: Labels) -> str:
    ends = ""
    if one.low is not None and one.high is not None:
        ends = f" ({percent(one.low, labels.language)} / {percent(one.high, labels.language)})"
    return f"{point.window}, {labels.windows_known[one.known]}: {percent(one.value, labels.language)}{ends}"


def _window_words(point: WindowPoint, labels: Labels) -> str:
    words = [_share_words(point, one, labels) for one in point.shares] or [point.window]
    if point.today is not None:
        words.append(f"{labels.windows_today} {percent(point.today, labels.language)}")
    return ", ".join(words)


# --- A distribution then and now ----------------------------------------------------------------------
def distribution(
    bars: Sequence[ShareThenNow],
    *,
    name: str,
    most: int = 24,
    labels: Labels = ENGLISH,
    standalone: bool = False,
) -> str:
    """Two bars from zero for each bin or category: its share then, and now.

    Args:
        bars: in the order to show them.
        name: of what is distributed.
        most: how many are drawn, those that moved most where there are more; the table beside has all of them.
        labels: the words.
        standalone: see the module.
    """
    title = labels.distribution_title.format(name=_fit(name, 420))
    if not bars:
        return _empty("distribution", title, labels, standalone=standalone)
    moved = sorted(range(len(bars)), key=lambda index: -abs(bars[index].now - bars[index].before))
    shown = [bars[index] for index in sorted(moved[:most])]
    scale = _Scale(0, max(0.01, *(end for bar in shown for end in (bar.before, bar.now))), _NAMES, WIDTH - 150.0)
    top, step = 62.0, 26.0
    parts = [_text(0, LINE, title, "title")]
    parts += _key([labels.distribution_before, labels.distribution_now], 44)
    described = []
    for row, bar in enumerate(shown):
        y = top + step * row
        before, now = (percent(share, labels.language) for share in (bar.before, bar.now))
        described.append(f"{bar.name}: {before} → {now}")
        parts += [
            _text(_NAMES - 8, y + 13, _fit(bar.name, _NAMES - 8), "", "end"),
            _rect(scale(0), y + 1, scale(bar.before) - scale(0), 9, css="s1", tip=described[-1]),
            _rect(scale(0), y + 11, scale(bar.now) - scale(0), 9, css="s0", tip=described[-1]),
            _text(WIDTH - 140, y + 15, f"{before} → {now}", "muted"),
        ]
    parts.append(_line(scale(0), top - 4, scale(0), top + step * len(shown) - 2, "axis"))
    height = top + step * len(shown) + 4
    return _svg("distribution", height, title, "; ".join(described), parts, standalone=standalone)


# --- One interval beside its figures --------------------------------------------------------------
STRIP_WIDTH: Final = 180
STRIP_HEIGHT: Final = 22


def strip(
    low: float, value: float, high: float, *, axis: tuple[float, float], required: float, zero: float | None = None
) -> str:
    """A value and its interval on a small axis, what is required as a dashed line; it says nothing that is not beside it.

    Args:
        low: lower end of the interval.
        value: the estimate.
        high: upper end.
        axis: ends of the axis; what lies beyond is drawn at its end, without a stop.
        required: where the line stands.
        zero: where a thin line marks no difference, if anywhere.
    """
    scale, y = _Scale(*axis, 6, STRIP_WIDTH - 6), STRIP_HEIGHT / 2
    held = [min(max(end, axis[0]), axis[1]) for end in (low, value, high)]
    parts = [_line(scale(axis[0]), y, scale(axis[1]), y, "grid")]
    if zero is not None:
        parts.append(_line(scale(zero), 3, scale(zero), STRIP_HEIGHT - 3, "axis"))
    parts.append(_line(scale(required), 0, scale(required), STRIP_HEIGHT, "baseline"))
    parts.append(_line(scale(held[0]), y, scale(held[2]), y, "interval sure"))
    stops = [end for end, kept in ((low, held[0]), (high, held[2])) if end == kept]
    parts += [_line(scale(end), y - 4, scale(end), y + 4, "interval sure") for end in stops]
    parts.append(f'<circle class="s0" cx="{_n(scale(held[1]))}" cy="{_n(y)}" r="4"/>')
    size = f'viewBox="0 0 {STRIP_WIDTH} {STRIP_HEIGHT}" width="{STRIP_WIDTH}" height="{STRIP_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart strip" aria-hidden="true" {size}>{"".join(parts)}</svg>'
    )
