"""The pin of the settings: heeded when a server starts, said when it is refused, and never a second truth."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import Client
from django.utils import translation

from apps.accounts.actors import server_actor
from apps.audit.models import AuditEvent
from apps.audit.services import verify_chain
from apps.registry.models import Deployment, ModelVersion, PinSighting
from apps.registry.services.deployments import deploy_version, roll_back
from apps.serving.checks import check_pin
from apps.serving.startup import start
from tests.apps.registry.promotion import OLIVIER

pytestmark = pytest.mark.django_db

Promote = Callable[[str], Any]


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def pin(settings: Any) -> Callable[..., None]:
    """Edit the settings."""

    def edit(version: str = "", path: Path | str = "") -> None:
        settings.FUTURE_SKILLS_MODEL_VERSION, settings.FUTURE_SKILLS_MODEL_PATH = version, str(path)

    return edit


@pytest.fixture
def restart(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Start a server: what it says in its log."""

    def start_again() -> str:
        caplog.clear()
        start()
        return caplog.text

    return start_again


def live() -> tuple[str, str] | None:
    """Version and kind of what is live."""
    return Deployment.objects.filter(live=True).values_list("version__name", "kind").first()


def findings() -> list[str | None]:
    return [finding.id for finding in check_pin()]


def test_a_pinned_version_is_served_after_a_restart(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str], pairs: Path
) -> None:
    promote("v1")
    pin("v1", pairs / "future_skills_model_v1.pkl")
    assert findings() == []
    assert "v1 is in production: the settings pin it." in restart()
    deployment = Deployment.objects.get(live=True)
    assert (deployment.version.name, deployment.kind, deployment.started_by) == ("v1", "pin", server_actor().name)
    assert "FUTURE_SKILLS_MODEL_VERSION" in deployment.reason
    assert deployment.report is not None
    assert findings() == []
    actions = AuditEvent.objects.order_by("-sequence").values_list("action", flat=True)[:2]
    assert list(actions) == ["registry.see_pin", "registry.pin"]
    assert verify_chain() > 0


@pytest.mark.parametrize("what", ["version alone", "path alone", "relative path"])
def test_either_setting_alone_is_enough(
    promote: Promote,
    pin: Callable[..., None],
    restart: Callable[[], str],
    pairs: Path,
    settings: Any,
    what: str,
) -> None:
    promote("v1")
    settings.BASE_DIR = pairs
    path = {"version alone": "", "path alone": pairs / "future_skills_model_v1.pkl"}.get(
        what, "future_skills_model_v1.pkl"
    )
    pin("v1" if what == "version alone" else "", path)
    restart()
    assert live() == ("v1", "pin")


def test_a_second_server_finds_it_done(promote: Promote, pin: Callable[..., None], restart: Callable[[], str]) -> None:
    promote("v1")
    pin("v1")
    for _ in range(3):
        restart()
    assert (Deployment.objects.count(), PinSighting.objects.count()) == (1, 1)


def test_a_pin_that_was_heeded_does_not_undo_a_rollback(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str]
) -> None:
    promote("v1")
    deploy_version(actor=OLIVIER, version="v1")
    promote("v2")
    pin("v2")
    restart()
    assert live() == ("v2", "pin")
    roll_back(actor=OLIVIER, reason="v2 disappoints")
    said = restart()
    assert live() == ("v1", "rollback")
    assert "(future_skills.W001)" in said
    assert "v1, in production since" in said
    assert findings() == ["future_skills.W001"]

    pin("v1")
    restart()
    assert live() == ("v1", "rollback")
    assert findings() == []
    pin("v2")  # changed again, and meant: v2's approvals stand on a report that has v1 beside it
    restart()
    assert live() == ("v2", "pin")


def test_a_pin_that_is_taken_away_changes_nothing(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str]
) -> None:
    promote("v1")
    pin("v1")
    restart()
    pin()
    assert restart() == ""
    assert live() == ("v1", "pin")
    assert PinSighting.objects.first().pinned == ""  # type: ignore[union-attr]


def test_a_refused_pin_is_said_and_the_live_version_goes_on(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str]
) -> None:
    promote("v1")
    deploy_version(actor=OLIVIER, version="v1")
    pin("v2")
    said = restart()
    assert "(future_skills.E005)" in said
    assert "v2 cannot go into production" in said
    assert "goes on answering" in said
    assert live() == ("v1", "deploy")
    sighting = PinSighting.objects.get()
    assert (sighting.pinned, sighting.refusal, sighting.deployment) == ("v2", "not_promotable", None)
    restart()
    assert PinSighting.objects.count() == 1


def test_a_refused_pin_is_heeded_once_its_version_is_approved(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str]
) -> None:
    promote("v1")
    deploy_version(actor=OLIVIER, version="v1")
    pin("v2")
    restart()
    promote("v2")
    assert findings() == []
    restart()
    assert live() == ("v2", "pin")


def test_a_refused_pin_is_old_news_once_somebody_has_deployed(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str]
) -> None:
    promote("v1")
    deploy_version(actor=OLIVIER, version="v1")
    pin("v2")
    restart()
    promote("v2")
    deploy_version(actor=OLIVIER, version="v2")
    roll_back(actor=OLIVIER, reason="v2 disappoints")
    assert "(future_skills.W001)" in restart()
    assert live() == ("v1", "rollback")


def spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize(
    ("case", "number", "code", "words"),
    [
        ("unknown version", "E001", "version_not_found", "There is no version v9"),
        ("file of nobody", "E001", "version_not_found", "is the model of no registered version"),
        ("no such file", "E002", "artifact_missing", "does not exist"),
        ("a folder", "E008", "storage_failed", "Is a directory"),
        ("a spoiled file", "E003", "artifact_hash_mismatch", "was changed after it was written"),
        ("a spoiled file beside it", "E003", "artifact_hash_mismatch", "was changed after it was written"),
        ("two versions", "E004", "usage", "is the model of v2, and FUTURE_SKILLS_MODEL_VERSION is v1"),
        ("a candidate", "E005", "not_promotable", "cannot go into production"),
    ],
)
def test_what_cannot_be_pinned_is_a_finding_and_changes_nothing(
    registered: list[ModelVersion],
    pin: Callable[..., None],
    restart: Callable[[], str],
    pairs: Path,
    case: str,
    number: str,
    code: str,
    words: str,
) -> None:
    v1, v2 = (pairs / f"future_skills_model_{name}.pkl" for name in ("v1", "v2"))
    stranger = pairs / "stranger.pkl"
    stranger.write_bytes(b"somebody's")
    settings = {
        "unknown version": ("v9", ""),
        "file of nobody": ("", stranger),
        "no such file": ("v1", pairs / "gone.pkl"),
        "a folder": ("v1", pairs),
        "a spoiled file": ("v1", v1),
        "a spoiled file beside it": ("v1", ""),
        "two versions": ("v1", v2),
        "a candidate": ("v1", v1),
    }[case]
    if case == "a spoiled file":
        spoil(v1)
    if case == "a spoiled file beside it":
        spoil(v1.with_suffix(".profile.json"))
    pin(*settings)
    finding = check_pin()[0]
    assert finding.id == f"future_skills.{number}"
    assert words in finding.msg
    assert "No version is in production." in str(finding.hint)
    said = restart()
    assert words in said
    assert live() is None
    assert PinSighting.objects.get().refusal == code


def test_one_file_of_two_versions_must_be_told_apart(
    registered: list[ModelVersion], pin: Callable[..., None], pairs: Path
) -> None:
    ModelVersion.objects.filter(name="v2").update(model_sha256=registered[0].model_sha256)
    pin(path=pairs / "future_skills_model_v1.pkl")
    assert findings() == ["future_skills.E004"]
    assert "several versions (v1, v2)" in check_pin()[0].msg


def test_a_server_that_may_not_deploy_says_so(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str], settings: Any
) -> None:
    promote("v1")
    settings.FUTURE_SKILLS_SYSTEM_ROLES = ["data_scientist"]
    pin("v1")
    assert findings() == ["future_skills.E006"]
    assert "put versions into production" in restart()
    assert live() is None


def test_the_check_is_run_by_manage_py_check_and_stops_no_other_command(
    registered: list[ModelVersion], pin: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check")
    pin("v9")
    with pytest.raises(SystemCheckError, match=r"future_skills\.E001"):
        call_command("check")
    call_command("migrate", verbosity=0, skip_checks=False)
    call_command("registry", "list", "--json", skip_checks=False)
    assert '"v1"' in capsys.readouterr().out


def test_a_database_without_its_tables_lets_the_server_start(
    pin: Callable[..., None], restart: Callable[[], str]
) -> None:
    pin("v1")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE registry_pinsighting RENAME TO lost")
    assert "registry_pinsighting" in restart()


def test_pages_say_that_the_live_version_is_pinned(
    promote: Promote, pin: Callable[..., None], restart: Callable[[], str], login: Callable[..., Client]
) -> None:
    promote("v1")
    pin("v1")
    restart()
    page = login("auditor").get("/versions/", headers={"accept-language": "en"}).content.decode()
    assert re.search(r"v1 in production since [^<]+, pinned by the configuration</a>", page)
