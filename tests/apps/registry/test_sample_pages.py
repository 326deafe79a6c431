"""The pages and the API of the validation sample: how far it is, the blind labelling, the definitions."""

import io
import json
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.registry.models import LevelDefinitions, ModelVersion, SampleItem, SampleLabel, ValidationSample
from apps.registry.samples import steps
from apps.registry.services.samples import Given, draw_sample, label_item, label_items
from future_skills.level_definitions import default_definitions
from tests.apps.registry.promotion import CLAIRE, DOMINIQUE, DRISS, hire

pytestmark = pytest.mark.django_db

SAMPLE = "/versions/v1/sample/"
API = "/api/v1/versions/v1/sample"


@pytest.fixture
def office(registered: list[ModelVersion], person: Callable[..., Any]) -> None:
    """Two versions and the people around them."""
    hire(person)


@pytest.fixture
def sample(office: None) -> ValidationSample:
    """Twelve rows of v1, three of which need two people."""
    return draw_sample(actor=DOMINIQUE, version="v1", size=12)


@pytest.fixture
def browser(office: None, login: Callable[..., Client]) -> Callable[[str], Client]:
    """``browser("claire")``: the pages, in English."""
    from django.contrib.auth.models import User

    def of(username: str) -> Client:
        roles = User.objects.get(username=username).groups.values_list("name", flat=True)
        client = login(*roles, username=username)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return client

    return of


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address, follow=True)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def row(position: int) -> str:
    return f"{SAMPLE}label/{position}/"


def completed(sample: ValidationSample) -> ValidationSample:
    """Claire says what the model says, Driss something else of his rows."""
    twice = sample.items.filter(labels_needed=2)
    label_items(
        actor=DRISS,
        version="v1",
        answers=[Given(one.position, "LOW" if one.predicted == "HIGH" else "HIGH", "Avis de Driss.") for one in twice],
    )
    answers = [Given(one.position, one.predicted) for one in sample.items.all()]  # type: ignore[arg-type]
    return label_items(actor=CLAIRE, version="v1", answers=answers).sample


# --- The page of the sample ---------------------------------------------------------------------------------------------
def test_without_a_sample_the_page_says_what_it_is_and_who_draws_it(browser: Callable[[str], Client]) -> None:
    text = page(browser("claire"), SAMPLE)
    assert "No validation sample was drawn for v1." in text
    assert "manage.py registry sample v1 --size 60 --seed 1" in text
    assert "Draw a sample for v1" not in text
    assert "Draw a sample for v1" in page(browser("dominique"), SAMPLE)


def test_a_data_scientist_draws_a_sample_on_the_page(browser: Callable[[str], Client]) -> None:
    client = browser("dominique")
    response = client.post(f"{SAMPLE}draw/", {"size": "20", "seed": "3"}, follow=True)
    assert "20 rows are drawn" in response.content.decode()
    assert ValidationSample.objects.get().seed == 3


@pytest.mark.parametrize("typed", [{"size": "4", "seed": "1"}, {"size": "abc", "seed": "1"}, {}])
def test_a_draw_that_is_refused_keeps_what_was_typed(browser: Callable[[str], Client], typed: dict[str, str]) -> None:
    response = browser("dominique").post(f"{SAMPLE}draw/", typed)
    text = response.content.decode()
    assert response.status_code == 409
    assert 'role="alert"' in text
    assert f'name="size" type="number" min="12" max="2000" required value="{typed.get("size", "")}"' in text
    assert not ValidationSample.objects.exists()


def test_an_open_sample_shows_how_far_it_is_and_nothing_of_what_is_in_it(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    label_item(actor=DRISS, version="v1", position=1, level="HIGH", comment="SECRET")
    text = page(browser("claire"), SAMPLE)
    assert "Opinions given: 1 of 15." in text
    assert "driss: 1 row" in text
    assert "Begin to label" in text
    assert "SECRET" not in text
    assert "unsure" not in text
    assert "Begin to label" not in page(browser("aude"), SAMPLE)


def test_a_complete_sample_says_what_people_said(sample: ValidationSample, browser: Callable[[str], Client]) -> None:
    done = completed(sample)
    text = page(browser("aude"), SAMPLE)
    assert "People who did not see the predictions agree with v1 on" in text
    assert "3 disagreements" in text
    assert text.count("Avis de Driss.") == 3
    assert "Of the rows that two reviewers judged, they agree on 0.0%" in text
    assert done.result_sha256 in text
    assert "were drawn for this version" not in text
    draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)
    assert "2 samples were drawn for this version" in page(browser("aude"), SAMPLE)


def test_the_version_its_criteria_and_what_waits_lead_to_the_sample(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    client = browser("claire")
    for address in ("/versions/v1/", "/versions/v1/gate/", "/decisions/"):
        assert f'href="{SAMPLE}"' in page(client, address)


# --- The blind labelling ------------------------------------------------------------------------------------------------
def test_a_reviewer_labels_row_after_row_and_goes_on_where_they_left(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    client = browser("claire")
    way = [step.position for step in steps(sample, "claire")]
    text = page(client, f"{SAMPLE}label/")
    assert "0&nbsp;/&nbsp;12" in text
    item = sample.items.get(position=way[0])
    assert item.skill in text
    assert item.role in text
    response = client.post(row(way[0]), {"level": "LOW", "comment": "Un mot.", "sample": sample.pk})
    assert response.headers["Location"] == row(way[1])
    text = page(client, f"{SAMPLE}label/")
    assert "1&nbsp;/&nbsp;12" in text
    assert f'id="previous" href="{row(way[0])}"' in text
    text = page(client, row(way[0]))
    assert "Un mot." in text
    assert text.count("checked") == 1


def test_an_answer_changed_later_leads_back_to_the_rows_that_wait(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    client = browser("claire")
    way = [step.position for step in steps(sample, "claire")]
    for position in (way[0], way[1], way[0]):
        response = client.post(row(position), {"level": "HIGH"})
    assert response.headers["Location"] == row(way[2])
    assert SampleLabel.objects.count() == 2


def test_the_page_hides_the_prediction_and_what_others_said(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    label_item(actor=DRISS, version="v1", position=1, level="HIGH", comment="SECRET")
    client = browser("claire")
    SampleItem.objects.filter(position=1).update(
        predicted="LOW", stratum="SECRET", probabilities={"LOW": 0.123456789}, weight=0.0987654321, labels_needed=2
    )
    low = page(client, row(1))
    SampleItem.objects.filter(position=1).update(predicted="HIGH", stratum="OTHER", weight=0.5)
    high = page(client, row(1))
    token = 'name="csrfmiddlewaretoken" value="'
    parts = [
        "".join(piece.partition('"')[2] if place else piece for place, piece in enumerate(text.split(token)))
        for text in (low, high)
    ]
    assert parts[0] == parts[1]  # the very same page, whatever the model says
    for secret in ("SECRET", "0.1234", "0.0987", "checked"):
        assert secret not in low


def test_no_answer_chosen_is_said_and_keeps_the_comment(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    for typed in ({"comment": "Un mot."}, {"level": "VERY HIGH", "comment": "Un mot."}):
        response = browser("claire").post(row(1), typed)
        assert response.status_code == 400
        assert "Choose one of the four answers." in response.content.decode()
        assert "Un mot." in response.content.decode()
    assert not SampleLabel.objects.exists()


def test_the_last_opinion_is_announced_then_leads_to_the_result(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    for one in sample.items.filter(labels_needed=2):
        label_item(actor=DRISS, version="v1", position=one.position, level="LOW")
    client = browser("claire")
    *others, last = [step.position for step in steps(sample, "claire")]
    for position in others:
        label_item(actor=CLAIRE, version="v1", position=position, level="LOW")
    assert "no answer can change any more" in page(client, f"{SAMPLE}label/")
    response = client.post(row(last), {"level": "UNKNOWN"}, follow=True)
    text = response.content.decode()
    assert "You have labelled every row that needed you." in text
    assert "People who did not see the predictions" in text
    assert "The sample is complete" in page(client, row(last))


def test_a_page_left_open_while_another_sample_was_drawn_says_so(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    draw_sample(actor=DOMINIQUE, version="v1", size=12, seed=2)
    response = browser("claire").post(row(1), {"level": "LOW", "sample": sample.pk}, follow=True)
    assert "took the place of this one" in response.content.decode()
    assert not SampleLabel.objects.exists()


def test_a_row_that_needs_nobody_any_more_leads_to_one_that_does(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    once = sample.items.filter(labels_needed=1).first()
    assert once is not None
    label_item(actor=DRISS, version="v1", position=once.position, level="LOW")
    for position in (once.position, 99):
        response = browser("claire").get(row(position), follow=True)
        assert "This row does not need you" in response.content.decode()


def test_the_author_and_those_without_the_right_are_refused(
    sample: ValidationSample, browser: Callable[[str], Client], person: Callable[..., Any]
) -> None:
    person("nadia", "data_scientist", "drh_reviewer")
    assert "You are the author of this version" in page(browser("nadia"), SAMPLE)
    assert browser("nadia").get(row(1)).status_code == 409
    assert browser("nadia").post(row(1), {"level": "LOW"}).status_code == 409
    assert browser("dominique").get(row(1)).status_code == 403
    assert browser("claire").get("/versions/v2/sample/label/").status_code == 404


# --- The workbook, on the page ------------------------------------------------------------------------------------------
def test_a_reviewer_downloads_the_workbook_and_sends_it_back(
    sample: ValidationSample, browser: Callable[[str], Client]
) -> None:
    client = browser("claire")
    response = client.get("/versions/v1/sample.xlsx")
    assert f'filename="sample_v1_{sample.pk}.xlsx"' in response.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(response.content))
    sheet = book["To label"]
    sheet.cell(2, sheet.max_column - 1).value = "High"
    content = io.BytesIO()
    book.save(content)

    def send(name: str, sent: bytes) -> Any:
        return client.post(f"{SAMPLE}send/", {"workbook": SimpleUploadedFile(name, sent)}, follow=True)

    assert "Answers recorded: 1; unchanged: 0." in send("a.xlsx", content.getvalue()).content.decode()
    assert SampleLabel.objects.get().level == "HIGH"
    sheet.cell(3, sheet.max_column - 1).value = "Peut-être"
    content = io.BytesIO()
    book.save(content)
    refused = send("wrong.xlsx", content.getvalue())
    assert refused.status_code == 409
    assert "Peut-être" in refused.content.decode()
    assert "wrong.xlsx" in refused.content.decode()
    for name, sent in {"a.txt": b"x", "a.xlsx": b"x"}.items():
        assert send(name, sent).status_code == 409
    assert client.post(f"{SAMPLE}send/", {}).status_code == 409
    assert SampleLabel.objects.count() == 1


# --- Definitions --------------------------------------------------------------------------------------------------------
def test_the_drh_redefines_the_levels_and_every_version_of_them_stays(browser: Callable[[str], Client]) -> None:
    client = browser("claire")
    assert "these are the definitions that come with the product" in page(client, "/definitions/")
    words = default_definitions().model_dump()
    typed = {f"{code}-{level}": words[code][level] for code in words for level in words[code]}
    response = client.post("/definitions/", typed | {"fr-HIGH": "Sans elle, rien."}, follow=True)
    assert "Sans elle, rien." in response.content.decode()
    assert LevelDefinitions.objects.get().created_by == "claire"
    refused = client.post("/definitions/", typed | {"fr-HIGH": " "})
    assert refused.status_code == 400
    assert "High: say what it means, in both languages." in refused.content.decode()
    text = page(browser("aude"), "/definitions/")
    assert "Sans elle, rien." in text
    assert "<textarea" not in text
    assert browser("aude").post("/definitions/", typed).status_code == 403


# --- The API ------------------------------------------------------------------------------------------------------------
def call(client: Client, method: str, address: str, body: Any = None) -> tuple[int, Any]:
    response = client.generic(method, address, json.dumps(body or {}), content_type="application/json")
    return response.status_code, response.json()


def test_the_api_draws_labels_and_shows_the_result(browser: Callable[[str], Client]) -> None:
    claire, dominique = browser("claire"), browser("dominique")
    assert call(claire, "GET", API)[0] == 404
    status, drawn = call(dominique, "POST", API, {"size": 12, "seed": 5})
    assert (status, drawn["size"], drawn["strata"], drawn["result"]) == (201, 12, None, None)
    status, found = call(claire, "GET", f"{API}/rows?limit=3")
    assert (status, found["left"], found["done"], len(found["tasks"])) == (200, 12, 0, 3)
    assert set(found["tasks"][0]) == {
        "position",
        "role",
        "skill",
        "period",
        "question",
        "facts",
        "level",
        "comment",
    }
    position = found["tasks"][0]["position"]
    body = {"level": "HIGH", "comment": "Un mot.", "sample": drawn["sample"]}
    assert call(claire, "POST", f"{API}/rows/{position}/label", body) == (
        201,
        {"sample": drawn["sample"], "version": "v1", "recorded": 1, "unchanged": 0, "complete": False},
    )
    assert call(claire, "GET", f"{API}/rows")[1]["done"] == 1
    assert call(dominique, "GET", f"{API}/rows")[0] == 403
    assert call(claire, "POST", f"{API}/rows/{position}/label", body | {"level": "MAYBE"})[0] == 400
    completed(ValidationSample.objects.get())
    status, document = call(dominique, "GET", API)
    assert (status, document["complete"]) == (200, True)
    assert document["result"]["labelled"] == 12
    assert call(claire, "POST", f"{API}/rows/{position}/label", body)[1]["code"] == "sample_closed"
    assert call(claire, "GET", f"{API}/rows")[1]["tasks"] == []


def test_the_api_reads_and_sets_the_definitions(browser: Callable[[str], Client]) -> None:
    words = default_definitions().model_dump()
    address = "/api/v1/definitions"
    assert call(browser("aude"), "GET", address)[1]["definitions"] == words
    words["en"]["LOW"] = "No use."
    status, document = call(browser("claire"), "POST", address, words)
    assert (status, document["by"], document["definitions"]["en"]["LOW"]) == (201, "claire", "No use.")
    assert call(browser("claire"), "POST", address, words | {"fr": {}})[1]["code"] == "definitions_invalid"
    assert call(browser("dominique"), "POST", address, words)[0] == 403


def test_every_address_has_a_name() -> None:
    assert reverse("registry:label", args=["v1", 3]) == row(3)
    assert reverse("registry:sample", args=["v1"]) == SAMPLE
