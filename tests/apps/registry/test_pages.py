"""What people see: the table of versions, a version, two versions compared; in French and in English."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from apps.registry import pages, selectors, views
from apps.registry.models import ModelVersion, Retraction, VersionNote
from future_skills.errors import ArtifactMissingError
from tests.apps.registry import factories as make

pytestmark = pytest.mark.django_db

THIN, NBSP = "\u202f", "\u00a0"


@pytest.fixture
def client(login: Callable[..., Client]) -> Client:
    """The browser of somebody who may read, and nothing else."""
    return login("auditor")


@pytest.fixture
def french(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
    return client


@pytest.fixture
def english(client: Client) -> Client:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def two_versions() -> None:
    make.version("v1")
    make.version("v2", history=True, parent="v1", created_at=make.BASE_TIME + timedelta(days=1))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch, two_versions: None) -> None:
    monkeypatch.setattr(views, "compare_versions", make.comparison)


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


# --- The table ----------------------------------------------------------------------------------------------------------
def test_the_first_page_is_the_table(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/versions/"


def test_an_empty_registry_says_what_to_type(french: Client) -> None:
    text = page(french, "/versions/")
    assert "Aucune version n’est encore enregistrée" in text
    assert "python ml/train_future_skills_model.py --version v1" in text
    assert page(french, "/compare/").count("Aucune version n’est encore enregistrée")


def test_the_table_answers_first(french: Client, two_versions: None) -> None:
    text = page(french, "/versions/")
    assert f"2 versions enregistrées{THIN}; la meilleure en F1 macro est v2, avec 0,895" in text
    assert f"«{NBSP}comme aujourd’hui{NBSP}» fait 0,890 sur les mêmes lignes." in text
    assert f"155{THIN}045" in text
    assert "95,4" in text


def test_the_table_in_english(english: Client, two_versions: None) -> None:
    text = page(english, "/versions/")
    assert "2 versions registered; the best in macro F1 is v2, with 0.895" in text
    assert "155,045" in text


def test_a_retracted_version_is_marked_and_never_the_best(french: Client, two_versions: None) -> None:
    best = selectors.find_version("v2")
    Retraction.objects.create(version=best, reason="fuite", created_at=make.BASE_TIME, created_by="camille")
    text = page(french, "/versions/")
    assert "la meilleure en F1 macro est v1" in text
    assert "retirée" in text


def test_other_test_rows_carry_a_mark(french: Client, two_versions: None) -> None:
    assert "†" not in page(french, "/versions/")
    make.version("v3", created_at=make.BASE_TIME + timedelta(days=2), dataset=make.dataset_reference("autre.csv", 400))
    text = page(french, "/versions/")
    assert text.count("<sup>†</sup>") == 2 * 3 + 1  # three metrics of two versions, and the explanation
    assert "d’autres lignes de test que la version la plus récente" in text


def test_sorting_is_in_the_address(french: Client) -> None:
    for name in ("v2", "v10", "v9"):
        make.version(name)
    found = selectors.versions_page(text="", sort="version", page=1)
    assert [row.name for row in found.rows] == ["v2", "v9", "v10"]
    text = page(french, "/versions/?sort=version")
    assert 'aria-sort="ascending"' in text
    assert 'href="?sort=-version"' in text


def test_each_heading_sorts_both_ways(french: Client, two_versions: None) -> None:
    for key in selectors.SORTS:
        for sign in ("", "-"):
            names = [row.name for row in selectors.versions_page(text="", sort=sign + key, page=1).rows]
            assert sorted(names) == ["v1", "v2"]
            page(french, f"/versions/?sort={sign}{key}")


def test_the_filter_reads_names_datasets_and_authors(french: Client, two_versions: None) -> None:
    make.version("essai", dataset=make.dataset_reference("Enquête.parquet", 1919))
    assert [r.name for r in selectors.versions_page(text="enqu", sort="-date", page=1).rows] == ["essai"]
    assert "Aucune version, aucun jeu de données ni auteur ne contient" in page(french, "/versions/?q=zzz")
    assert "&lt;script&gt;" in page(french, "/versions/?q=<script>")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("?sort=drop", "La table ne peut pas être triée par"),
        ("?sort=-", "La table ne peut pas être triée par"),
        ("?page=abc", "Il n’y a pas de page"),
        ("?page=0", "Il n’y a pas de page"),
        ("?page=-3", "Il n’y a pas de page"),
        ("?page=%C2%B2", "Il n’y a pas de page"),
        ("?page=99999999999999999999", "Il n’y a pas de page"),
        ("?page=9", "voici la dernière, 1"),
        ("?q=%00%1b", "2 versions"),
        ("?sort=accuracy&sort=drop&q=" + "x" * 500, "La table ne peut pas être triée par"),
    ],
)
def test_nonsense_in_the_address_is_said_not_suffered(
    french: Client, two_versions: None, address: str, words: str
) -> None:
    assert words in page(french, f"/versions/{address}")


def test_ten_thousand_versions_cost_as_many_queries_as_two(
    client: Client, two_versions: None, django_assert_num_queries
) -> None:
    make.deployment(selectors.find_version("v1"))
    make.report(selectors.find_version("v2"))
    page(client, "/versions/")
    # Who is logged in and what they may do; what is live; the table; the stages of its versions.
    with django_assert_num_queries(3 + 2 + 8 + 9) as few:
        page(client, "/versions/?sort=-f1_macro")
    make.many_versions(300, first=3)
    for found in ModelVersion.objects.filter(name__in=[f"v{number}" for number in range(3, 200)]):
        make.approval(make.report(found), "data", "dominique")
    with django_assert_num_queries(len(few)):
        page(client, "/versions/?sort=-f1_macro&page=4")


def test_pages_hold_fifty(french: Client) -> None:
    make.many_versions(101)
    text = page(french, "/versions/?page=2&sort=version")
    assert text.count("<tr data-href") == 50
    assert "page 2 sur 3" in text
    assert 'href="?sort=version"' in text  # the first page is the default
    assert 'href="?sort=version&amp;page=3"' in text


def test_the_export_has_the_same_columns(french: Client, english: Client, two_versions: None) -> None:
    response = french.get("/versions.csv?sort=version", headers={"accept-language": "fr"})
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text[1:]), delimiter=";"))
    assert [row["Version"] for row in rows] == ["v1", "v2"]
    assert rows[1]["F1 macro (0 à 1)"].startswith("0,8945")
    body = b"".join(english.get("/versions.csv?q=v2", headers={"accept-language": "en"}).streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(body[1:])))
    assert [row["Macro F1 (0 to 1)"][:6] for row in rows] == ["0.8945"]


def test_a_spreadsheet_never_runs_a_name(french: Client) -> None:
    make.version("v1", dataset=make.dataset_reference("=cmd|calc"))
    text = b"".join(french.get("/versions.csv").streaming_content).decode()
    assert "'=cmd|calc" in text


@pytest.mark.parametrize("name", ["2018", "true", "null", '"x"'])
def test_a_dataset_named_like_a_value_keeps_its_name(french: Client, name: str) -> None:
    make.version("v1", dataset=make.dataset_reference(name))
    (row,) = selectors.versions_page(text="", sort="-date", page=1).rows
    assert row.dataset == name
    page(french, "/versions/")


# --- A version ----------------------------------------------------------------------------------------------------------
def test_a_version_says_what_it_is_worth(french: Client, two_versions: None) -> None:
    text = page(french, "/versions/v2/")
    assert f"v2 fait mieux que «{NBSP}comme aujourd’hui{NBSP}»{NBSP}: F1 macro 0,895 contre 0,890" in text
    assert f"sur les mêmes 32{THIN}414 lignes de test." in text
    assert "46 sont devenus Élevé" in text
    assert "quand le modèle dit Élevé, il a raison 79 fois sur 100" in text
    assert "4 objectifs sur 5 sont atteints." in text
    assert f"5{NBSP}mars{NBSP}2026 à{NBSP}10:05" in text
    assert selectors.find_version("v2").words.dataset.sha256 in text
    assert "/compare/?reference=v1&amp;challenger=v2" in text


def test_a_weak_version_is_said_to_be_weak(english: Client, two_versions: None) -> None:
    assert "v1 does less well than “same as today”" in page(english, "/versions/v1/")


def test_what_could_not_be_measured_is_said_with_its_reason(french: Client) -> None:
    make.version("v1", metrics=make.metrics(make.WEAK), baselines=make.baselines(reason=make.NO_PERSISTENCE))
    text = page(french, "/versions/v1/")
    assert "le niveau actuel n’est connu pour aucune ligne de test" in text
    assert "le niveau actuel n’est connu pour aucune ligne (émergence)" in text
    assert "Ce qu’elle trouve des besoins émergents n’a pas pu être mesuré." in text


def test_where_persistence_answers_on_fewer_rows_the_version_is_scored_on_those(french: Client) -> None:
    small = make.metrics(((60, 4, 1), (5, 50, 4), (1, 3, 20)), emerged=make.emergence())
    lines = make.baselines(persistence=make.metrics(((55, 9, 1), (9, 46, 4), (1, 9, 14))), same_rows=small)
    make.version("v1", baselines=lines)
    text = page(french, "/versions/v1/")
    assert "sur les mêmes 148 lignes de test" in text
    assert f"v1 sur les lignes de «{NBSP}comme aujourd’hui{NBSP}»" in text


def test_a_version_that_never_says_a_level(french: Client) -> None:
    make.version("v1", metrics=make.metrics(make.ALL_LOW, emerged=make.emergence()))
    assert "le modèle ne dit jamais Élevé" in page(french, "/versions/v1/")


def test_retraction_and_notes_are_shown(french: Client, two_versions: None) -> None:
    found = selectors.find_version("v2")
    VersionNote.objects.create(version=found, text="<b>vue</b>", created_at=make.BASE_TIME, created_by="amina")
    Retraction.objects.create(version=found, reason="fuite", created_at=make.BASE_TIME, created_by="camille")
    text = page(french, "/versions/v2/")
    assert "&lt;b&gt;vue&lt;/b&gt;" in text
    assert "N’utilisez pas cette version." in text
    assert "fuite" in text


@pytest.mark.parametrize("name", ["v9", "..", "%00", "é" * 70, "v1%20or%201=1"])
def test_an_unknown_version_says_what_exists(french: Client, two_versions: None, name: str) -> None:
    text = page(french, f"/versions/{name}/", status=404)
    assert "Cette version n’existe pas" in text
    assert reverse("registry:version", args=["v2"]) in text


def test_an_unknown_version_of_an_empty_registry(french: Client) -> None:
    assert "Il n’y a pas de version v1" in page(french, "/versions/v1/", status=404)


def test_a_version_with_the_longest_name(french: Client) -> None:
    make.version(make.LONG_NAME, history=True)
    assert len(make.LONG_NAME) == 64
    assert make.LONG_NAME in page(french, f"/versions/{make.LONG_NAME}/")


def test_a_version_page_stays_flat(client: Client, two_versions: None, django_assert_num_queries) -> None:
    page(client, "/versions/v2/")
    # who reads it, what is live, the version and its dataset, its stage, the retraining that made it
    with django_assert_num_queries(3 + 2 + 3 + 3 + 1):
        page(client, "/versions/v2/")


def test_the_stage_of_each_version_is_in_the_table_on_its_page_and_in_the_export(
    french: Client, english: Client
) -> None:
    live, ready = make.version("v1"), make.version("v2", history=True)
    make.deployment(live)
    make.approved(ready)
    text = page(english, "/versions/")
    assert '<span class="tag stage live">in production</span>' in text
    assert '<span class="tag stage approved">approved</span>' in text
    assert '<span class="tag stage approved">approved</span>' in page(english, "/versions/v2/")
    body = b"".join(english.get("/versions.csv?sort=version").streaming_content).decode()
    assert [row["Stage"] for row in csv.DictReader(io.StringIO(body[1:]))] == ["in production", "approved"]


# --- Two versions -------------------------------------------------------------------------------------------------------
def test_two_versions_compared(french: Client, compared: None) -> None:
    text = page(french, "/compare/?reference=v1&challenger=v2")
    assert f"Sur 32{THIN}414 lignes de test communes, v2 face à v1{NBSP}: mieux en exactitude" in text
    assert "non concluant en erreurs graves." in text
    assert f"+2,81{THIN}pt à +3,75{THIN}pt" in text
    assert "Variables ajoutées" in text
    assert "n_estimators" in text


def test_nothing_stands_clear(french: Client, compared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    flat = tuple(
        type(one)(one.metric, one.reference, one.reference, -0.01, 0.01) for one in make.comparison().differences
    )
    monkeypatch.setattr(views, "compare_versions", lambda a, b: make.comparison(a, b, differences=flat))
    assert f"Non concluant{NBSP}: sur 32{THIN}414 lignes" in page(french, "/compare/?reference=v1&challenger=v2")


def test_less_is_better_for_severe_errors() -> None:
    worse = type(make.comparison().differences[0])("severe_error_rate", 0.004, 0.009, 0.003, 0.007)
    with translation.override("en"):
        sentence = pages.comparison_sentence(make.comparison(differences=(worse,)))
        (row,) = pages.difference_rows(make.comparison(differences=(worse,)))
    assert sentence.endswith("v2 against v1: less good in severe errors.")
    assert (row.state, row.difference) == ("worse", "+0.50 pt")


def test_no_shared_row_is_explained(french: Client, compared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    none = {"rows": 0, "differences": (), "reference_metrics": None, "challenger_metrics": None, "mcnemar_p": None}
    seen = {"v1": 0, "v2": 120}
    monkeypatch.setattr(
        views,
        "compare_versions",
        lambda a, b: make.comparison(a, b, **none, seen=seen, reason="no test row is shared"),
    )
    text = page(french, "/compare/?reference=v1&challenger=v2")
    assert f"ne peuvent pas être comparées ligne à ligne{NBSP}: aucune ligne de test n’est commune." in text
    assert "v2 s’est entraînée sur 120 lignes de test de l’autre" in text
    assert "python ml/evaluate_future_skills_models.py --versions v1 v2" in text


def test_a_refused_comparison_says_why(french: Client, compared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(reference: str, challenger: str) -> None:
        raise ArtifactMissingError(path="v1.pkl")

    monkeypatch.setattr(views, "compare_versions", gone)
    text = page(french, "/compare/?reference=v1&challenger=v2")
    assert "v1.pkl n’existe pas." in text
    assert "Toutes les mesures, chacune sur ses propres lignes de test" in text


def test_the_form_keeps_what_was_typed(french: Client, two_versions: None) -> None:
    text = page(french, "/compare/?reference=v7%22&challenger=v2", status=404)
    assert 'value="v7&quot;"' in text
    assert 'value="v2"' in text
    assert "Il n’y a pas de version" in text
    assert "deux fois la même version" in page(french, "/compare/?reference=v1&challenger=v1")


# --- Every page ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["/versions/", "/versions/v2/", "/compare/?reference=v1&challenger=v2", "/nowhere"])
def test_nothing_inline_under_a_strict_policy(french: Client, compared: None, address: str) -> None:
    response = french.get(address)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = response.content.decode()
    assert " style=" not in text
    assert "<style" not in text
    assert " on" + "click" not in text
    assert "<script>" not in text


def test_only_get_and_head(client: Client) -> None:
    for address in ("/versions/", "/versions.csv", "/versions/v1/", "/compare/"):
        assert client.post(address).status_code == 405


def test_the_language_can_be_changed_without_javascript(french: Client) -> None:
    response = french.post("/i18n/setlang/", {"language": "en", "next": "/versions/?sort=version"})
    assert response.headers["Location"] == "/versions/?sort=version"
    assert "Model versions" in page(french, "/versions/")


def test_error_pages_in_both_languages(client: Client, rf) -> None:
    from django.views import defaults

    client.raise_request_exception = False
    for code, words in (("fr", "Il n’y a pas de page à cette adresse"), ("en", "There is no page at this address")):
        assert words in client.get("/nowhere", headers={"accept-language": code}).content.decode()
        with translation.override(code):
            assert defaults.server_error(rf.get("/")).status_code == 500
            assert defaults.bad_request(rf.get("/"), ValueError()).status_code == 400
            assert defaults.permission_denied(rf.get("/"), ValueError()).status_code == 403
            text = defaults.server_error(rf.get("/")).content.decode()
    assert "The server could not answer" in text
    assert "set_language" not in text


def test_an_expired_form_has_its_page() -> None:
    response = Client(enforce_csrf_checks=True, headers={"accept-language": "fr"}).post("/i18n/setlang/")
    assert response.status_code == 403
    assert "Le formulaire a expiré" in response.content.decode()
