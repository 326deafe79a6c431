"""MODEL_REGISTRY.md as people read it: rendered, parsed as Markdown, and compared."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from future_skills.dataset import read_dataset
from future_skills.gates import Verdict
from future_skills.lifecycle import Stage
from future_skills.manifest import Manifest
from future_skills.registry_page import (
    Decision,
    HistoryLine,
    Production,
    Promotion,
    Served,
    VersionDetails,
    registry_page,
)
from future_skills.training import Recipe, train

ROOT = Path(__file__).resolve().parents[2]
PANEL = ROOT / "examples" / "stack_overflow" / "so_survey_panel.parquet"

PARIS_IN_WINTER = timezone(timedelta(hours=1))
NOW = datetime(2026, 3, 4, 10, 5, tzinfo=PARIS_IN_WINTER)
TRAINED = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)

HEADINGS = [
    "Registre des modèles « Future Skills »",
    "En production",
    "Historique des versions",
    "Détails par version",
    "Guide d'utilisation",
    "Cibles",
    "Critères de promotion",
    "Workflow",
    "Dépannage",
    "Signes de dérive",
    "Références",
    "Dernière mise à jour",
]
NOTHING = Production()
HOSTILE = (
    "a | b\n\n# Titre <script>alert(1)</script> `code` *gras* [lien](http://exemple) \\ ~~x~~ <!-- __init__ \x07 fin"
)


@pytest.fixture(scope="module")
def panel_manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """A real one: the survey panel, where the level now is known for some of the test rows only."""
    return train(
        read_dataset(PANEL, period_column="year", label_period_column="year_next"),
        version="v1",
        output=tmp_path_factory.mktemp("ml") / "future_skills_model_v1.pkl",
        author="nadia",
        clock=lambda: TRAINED,
        recipe=Recipe(params={"n_estimators": 5}),
        notes="Référence",
    ).manifest


@pytest.fixture
def manifest(panel_manifest: Manifest) -> Manifest:
    """The same, as if the level now were known for every row."""
    persistence = panel_manifest.baselines.persistence
    assert persistence is not None
    known = persistence.model_copy(update={"model_on_same_rows": None})
    return panel_manifest.model_copy(
        update={"baselines": panel_manifest.baselines.model_copy(update={"persistence": known})}
    )


def line(version: str = "v1", **changes: object) -> HistoryLine:
    words = HistoryLine(
        version=version,
        date=TRAINED,
        dataset="future_skills_dataset.csv",
        samples=155_045,
        accuracy=0.9371,
        f1_weighted=0.9362,
        n_estimators=200,
        notes="Référence",
        test_set="abc/2024-02",
        retracted=None,
    )
    return replace(words, **changes)  # type: ignore[arg-type]


def details(manifest: Manifest, **changes: object) -> VersionDetails:
    words = VersionDetails(manifest=manifest, registered_by="nadia", registered_at=TRAINED, notes=(), retracted=None)
    return replace(words, **changes)  # type: ignore[arg-type]


def page(
    history: Sequence[HistoryLine] = (),
    described: Sequence[VersionDetails] = (),
    production: Production = NOTHING,
    updated_by: str = "",
) -> str:
    return registry_page(
        history=history, details=described, production=production, updated_at=NOW, updated_by=updated_by
    )


def plain(text: str) -> str:
    """The text with ordinary spaces."""
    return re.sub(r"[\u00a0\u202f]", " ", text)


def tables(text: str) -> list[list[list[str]]]:
    """Every table of the page as Markdown readers see it: rows of cells, code and emphasis as plain text."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1][-1].append(plain("".join(child.content for child in token.children or [])))
    return found


def headings(text: str, tag: str = "h2") -> list[str]:
    tokens = MarkdownIt("commonmark").parse(text)
    return [
        plain(tokens[place + 1].content)
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == tag
    ]


def test_before_the_first_training_the_page_has_every_heading_and_says_what_to_do() -> None:
    text = page()
    assert headings(text, "h1") + headings(text) == HEADINGS
    assert "Aucune version n'est enregistrée" in text
    assert "python manage.py import_snapshots releves.csv" in text
    assert "python ml/train_future_skills_model.py --version v1" in text
    assert tables(text)[0] == [
        ["Version", "Date", "Dataset", "Samples", "Accuracy", "F1-Score", "N_estimators", "Notes"]
    ]


def test_a_version_is_described_whole(manifest: Manifest) -> None:
    notes = ((TRAINED + timedelta(minutes=30), "paul", "Relu avec la DRH"),)
    text = plain(page([line()], [details(manifest, notes=notes)]))
    assert headings(text, "h1") + headings(text) == HEADINGS
    assert headings(text, "h3") == ["Version v1"]
    history, metrics, per_class, importances, files, targets = tables(text)
    assert history[1] == [
        "v1", "4 mars 2026 à 09:00", "future_skills_dataset.csv", "155 045", "93,7 %", "0,936", "200", "Référence",
    ]  # fmt: skip
    assert metrics[0] == ["Mesure", "v1", "« Comme aujourd'hui »", "Règles", "Niveau le plus fréquent"]
    assert [row[0] for row in metrics[1:4]] == ["Lignes de test", "Exactitude (accuracy)", "F1 pondéré"]
    assert [row[0] for row in per_class[1:]] == ["LOW (faible)", "MEDIUM (moyen)", "HIGH (élevé)"]
    assert [int(cell) for row in per_class[1:] for cell in row[5:]] == [
        count for row in manifest.metrics.confusion_matrix for count in row
    ]
    assert len(importances) == 11
    assert [row[1] for row in files[1:]] == [entry.sha256 for entry in manifest.files]
    assert [row[1] for row in targets[1:]] == ["> 80 %", "> 0,75", "> 75 %", "> 70 %", "> 80 %"]
    for fact in (
        "**Date d'entraînement** : 4 mars 2026 à 09:00, par nadia",
        f"sha256 `{manifest.dataset.sha256}`",
        "**Version précédente** : aucune",
        "`job_role_name`, `skill_name`, `skill_category`, `job_department`",
        "`n_estimators = 5`",
        "couples métier × compétence qui n'étaient pas HIGH",
        "4 mars 2026 à 09:30, paul : Relu avec la DRH",
        "4 mars 2026 à 10:05. Responsables : Équipe Data / DRH.",
        "```mermaid",
        "registry diagnose v1",
    ):
        assert fact in text


def test_the_written_rule_stands_to_the_letter() -> None:
    text = plain(page())
    for words in (
        "son accuracy est supérieure ou égale à celle de la version précédente, **ou** son F1 pondéré gagne plus de 0,02",
        "aucune classe n'a une précision inférieure à 60 %",
        "testée sur un échantillon de validation manuel",
        "approuvée par les équipes Data et DRH",
    ):
        assert words in text


def test_targets_are_those_of_the_newest_version_that_may_be_used(manifest: Manifest) -> None:
    good = manifest.model_copy(update={"version": "v1"})
    retracted = manifest.model_copy(update={"version": "v2"})
    text = plain(
        page(
            [line("v2", retracted="données fausses"), line("v1")],
            [details(retracted, retracted="données fausses"), details(good)],
        )
    )
    assert "la plus récente utilisable est v1" in text
    assert "v1 atteint" in text
    assert "✕ **Version retirée**, à ne plus utiliser : données fausses" in text
    assert tables(text)[0][1][-1] == "Retirée : données fausses — Référence"


def test_all_versions_retracted(manifest: Manifest) -> None:
    text = plain(page([line(retracted="non")], [details(manifest, retracted="non")]))
    assert "aucune n'est utilisable" in text
    assert "Aucune version utilisable" in text


def test_figures_of_other_test_rows_carry_a_mark() -> None:
    text = plain(page([line("v3"), line("v2"), line("v1", test_set="abc/2023-02", n_estimators=None)]))
    rows = {row[0]: row for row in tables(text)[0][1:]}
    assert (rows["v3"][4], rows["v2"][4]) == ("93,7 %", "93,7 %")
    assert (rows["v1"][4], rows["v1"][5], rows["v1"][6]) == ("93,7 % †", "0,936 †", "—")
    assert "† Mesuré sur d'autres lignes de test que v3" in text
    assert "†" not in page([line("v2"), line("v1")])


def test_a_baseline_that_knows_some_rows_stands_beside_the_version_on_those_rows(panel_manifest: Manifest) -> None:
    text = plain(page([line()], [details(panel_manifest)]))
    metrics = tables(text)[1]
    assert metrics[0][1:4] == ["v1", "v1, niveau actuel connu", "« Comme aujourd'hui »"]
    assert metrics[1][1:4] == ["1 037", "672", "672"]
    assert "sur les mêmes 672 lignes de test" in text


def test_a_baseline_that_knows_no_row_is_a_dash_with_its_reason(manifest: Manifest) -> None:
    reasons = {"persistence": "the level now is known for no test row"}
    unknown = manifest.baselines.model_copy(update={"persistence": None, "reasons": reasons})
    text = plain(page([line()], [details(manifest.model_copy(update={"baselines": unknown}))]))
    assert {row[2] for row in tables(text)[1][1:]} == {"—"}
    assert "- persistence : le niveau actuel n'est connu pour aucune ligne de test" in text


def test_a_version_of_which_little_is_known(manifest: Manifest) -> None:
    metrics = manifest.metrics.model_copy(
        update={
            "emergence": None,
            "log_loss": None,
            "reasons": {
                "emergence": "the level now is known for no row",
                "log_loss": "it gives levels, not probabilities",
            },
        }
    )
    split = manifest.split.model_copy(
        update={"kind": "stratified", "test_period": None, "train_periods": (), "note": "essai | maison"}
    )
    poor = manifest.model_copy(update={"metrics": metrics, "split": split, "importances": {}, "hyperparameters": {}})
    text = plain(page([line()], [details(poor)]))
    assert "Non mesurable : le niveau actuel n'est connu pour aucune ligne." in text
    assert "- Log loss : elle donne des niveaux, pas des probabilités" in text
    divided = next(one for one in text.splitlines() if "**Découpage**" in one)
    assert divided.endswith("; essai \\| maison")


def test_hostile_words_break_neither_a_table_nor_the_page(manifest: Manifest) -> None:
    hostile = manifest.model_copy(
        update={
            "notes": HOSTILE,
            "changes": HOSTILE,
            "author": HOSTILE,
            "hyperparameters": {"x": "`a`` | <b>\nb"},
            "dataset": manifest.dataset.model_copy(update={"name": HOSTILE}),
        }
    )
    text = page(
        [line(notes=HOSTILE, dataset=HOSTILE, retracted=HOSTILE)],
        [details(hostile, notes=((TRAINED, HOSTILE, HOSTILE),), registered_by=HOSTILE, retracted=HOSTILE)],
    )
    assert headings(text, "h1") + headings(text) == HEADINGS
    history = tables(text)[0]
    assert [len(row) for row in history] == [8, 8]
    shown = "a | b # Titre <script>alert(1)</script> `code` *gras* [lien](http://exemple) \\ ~~x~~ <!-- __init__ fin"
    assert history[1][2] == shown
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    assert "<script" not in html
    assert '<a href="http://exemple' not in html
    assert "<h1>Titre" not in html
    assert html.count("<!--") == 1


def test_a_long_note_is_cut_in_the_table_and_whole_in_the_details(manifest: Manifest) -> None:
    long = "mot " * 500
    text = page([line(notes=long)], [details(manifest.model_copy(update={"notes": long}))])
    assert len(tables(text)[0][1][-1]) == 200
    assert long.strip() in text


def test_versions_that_are_not_described_are_counted(manifest: Manifest) -> None:
    text = plain(page([line("v3"), line("v2"), line("v1")], [details(manifest.model_copy(update={"version": "v3"}))]))
    assert "Les versions plus anciennes (2) se lisent avec `python manage.py registry show VERSION`" in text


def test_the_same_registry_gives_the_same_page(manifest: Manifest) -> None:
    arguments = ([line("v2"), line("v1")], [details(manifest)])
    assert page(*arguments) == page(*arguments)


def test_ten_thousand_versions_take_a_moment(manifest: Manifest) -> None:
    history = [line(f"v{number}", test_set=str(number % 7)) for number in range(10_000, 0, -1)]
    start = time.process_time()
    text = page(history, [details(manifest)] * 30)
    assert time.process_time() - start < 5
    assert text.count("\n| v") >= 10_000


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page()):
        assert (ROOT / "ml" / target).resolve().exists(), target


# --- Promotion and production -------------------------------------------------------------------------------------------
def served(version: str, day: int, kind: str = "deploy", **changes: object) -> Served:
    words = Served(
        version=version,
        start=TRAINED + timedelta(days=day),
        end=TRAINED + timedelta(days=day + 1),
        name="olivier",
        kind=kind,
        reason="",
    )
    return replace(words, **changes)  # type: ignore[arg-type]


def section(text: str, heading: str) -> str:
    """What stands under a heading, with ordinary spaces."""
    return plain(text).split(f"\n## {heading}\n")[1].split("\n## ")[0].strip()


def test_where_nothing_is_in_production_it_is_said() -> None:
    assert section(page(), "En production") == "Aucune version n'est en production."


def test_what_is_in_production_and_what_was(manifest: Manifest) -> None:
    production = Production(
        served=(
            served("v1", 3, "rollback", end=None, reason="La DRH conteste"),
            served("v2", 2, "pin", reason="épinglée | par erreur"),
            served("v1", 1),
        ),
        suspended=(TRAINED + timedelta(days=4), "odile", "Salaires en double"),
        council=("consulted", TRAINED.date()),
    )
    second = details(manifest, promotion=Promotion(stage=Stage.RETIRED))
    first = details(manifest.model_copy(update={"version": "v2"}), promotion=Promotion(stage=Stage.LIVE))
    text = page([line()], [second, first], production, updated_by="olivier")
    said = section(text, "En production")
    for words in (
        "**v1 est en production** depuis le 7 mars 2026 à 09:00, retour arrière par olivier ; avant elle, v2.",
        "avant elle, v2. Motif : La DRH conteste",
        "> **Prédictions suspendues** depuis le 8 mars 2026 à 09:00 par odile : Salaires en double",
        "- **En production** : v2\n- **Autrefois en production** : v1",
        "- **CSE, pour l'ensemble du système** : consulté (4 mars 2026)",
    ):
        assert words in said, words
    assert tables(text)[0] == [
        ["Version", "Du", "Au", "Comment", "Motif"],
        ["v1", "7 mars 2026 à 09:00", "maintenant", "retour arrière, par olivier", "La DRH conteste"],
        [
            "v2",
            "6 mars 2026 à 09:00",
            "7 mars 2026 à 09:00",
            "épinglée par la configuration, par olivier",
            "épinglée | par erreur",
        ],
        ["v1", "5 mars 2026 à 09:00", "6 mars 2026 à 09:00", "mise en production, par olivier", ""],
    ]
    assert "; v1 est en production : F1 macro" in plain(text)
    assert "4 mars 2026 à 10:05, par olivier. Responsables : Équipe Data / DRH." in plain(text)


def test_a_version_says_what_its_report_said_and_who_decided_what(manifest: Manifest) -> None:
    promotion = Promotion(
        stage=Stage.GATE_PASSED,
        verdict=Verdict.PROMOTABLE,
        report=("ab" * 32, TRAINED, "camille"),
        decisions=(Decision("data", "approve", "dominique", TRAINED, "Relu <b>"),),
        lifted=("adele", TRAINED + timedelta(days=30)),
        council="informed",
    )
    text = plain(page([line()], [details(manifest, promotion=promotion)]))
    for words in (
        "- **Étape** : critères remplis",
        "- **Critères** : ✓ PROMOUVABLE, rapport `abababababab` du 4 mars 2026 à 09:00 par camille",
        "- **Second verrou** : levé par adele jusqu'au 3 avril 2026 à 09:00",
        "- **Approbation de l'équipe Data** : approuvée par dominique, le 4 mars 2026 à 09:00 : Relu &lt;b&gt;",
        "- **Approbation de la DRH** : en attente",
        "- **CSE** : informé",
    ):
        assert words in text, words
    old = plain(page([line()], [details(manifest, promotion=replace(promotion, outdated=True, decisions=()))]))
    assert "par camille (il ne compte plus : à refaire)" in old
    assert "Approbation" not in section(old, "Détails par version")
    assert "- **Critères** : aucun rapport" in plain(page([line()], [details(manifest)]))


def test_the_workflow_is_drawn_as_far_as_it_runs() -> None:
    text = page()
    assert "approvals --> production" in text
    assert "production -.-> monitoring" in text
