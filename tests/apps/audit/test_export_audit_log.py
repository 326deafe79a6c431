"""The log as a file: for a spreadsheet, or with all that its hashes are made of."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.seal import seal
from apps.audit.services import record

pytestmark = pytest.mark.django_db

Output = pytest.CaptureFixture[str]
START = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # the 3rd, half past midnight, in Paris


@pytest.fixture
def three_days(db: None, monkeypatch: pytest.MonkeyPatch) -> list[AuditEvent]:
    """One event a day, by two people, on two objects."""
    clock: Iterator[datetime] = iter([START + timedelta(days=day) for day in range(3)])
    monkeypatch.setattr("apps.audit.services.timezone.now", lambda: next(clock))
    acts = [
        ("nadia", "registry.register_version", "version", "v2", {"é": [1, None]}),
        ("olivier", "registry.deploy", "version", "v2", {"reason": "=1+1"}),
        ("nadia", "registry.note", "version", "=cmd|'/c calc'!A0", {}),
    ]
    return [
        record(actor=Actor(name, "login"), action=action, object_type=kind, object_id=about, details=details)
        for name, action, kind, about, details in acts
    ]


def lines(capsys: Output, *words: str) -> list[dict]:
    call_command("export_audit_log", *words)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_line_holds_what_its_hash_is_made_of(
    three_days: list[AuditEvent], capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.audit.selectors.BATCH", 2)  # read in two times
    exported = lines(capsys)
    assert [event["sequence"] for event in exported] == [1, 2, 3]
    for event in exported:
        assert event.pop("hash") == seal(**event)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (("--actor", "nadia"), [1, 3]),
        (("--action", "registry.deploy"), [2]),
        (("--object", "v2"), [1, 2]),
        (("--object", "version:v2"), [1, 2]),
        (("--object", "version:"), [1, 2, 3]),
        (("--object", "dataset:v2"), []),
        (("--object", "unknown:v2"), []),
        (("--since", "2026-03-03"), [1, 2, 3]),
        (("--since", "2026-03-04"), [2, 3]),
        (("--until", "2026-03-03"), [1]),
        (("--since", "2026-03-04", "--until", "2026-03-04"), [2]),
        (("--since", "2026-03-03T00:30"), [1, 2, 3]),
        (("--since", "2026-03-03T00:31"), [2, 3]),
        (("--until", "2026-03-03T23:30:01Z"), [1, 2]),
        (("--actor", "nadia", "--object", "v2"), [1]),
        (("--actor", "nad\0ia"), [1, 3]),
    ],
)
def test_filters_keep_what_they_name(
    three_days: list[AuditEvent], capsys: Output, words: tuple[str, ...], kept: list[int]
) -> None:
    assert [event["sequence"] for event in lines(capsys, *words)] == kept


@pytest.mark.parametrize("moment", ["yesterday", "2026-02-30", "2026-03", "9999-12-31", "12", "0001-01-01T00:00+14:00"])
def test_a_moment_that_is_none_is_refused(moment: str) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("export_audit_log", "--until", moment)
    assert refusal.value.returncode == 1
    assert "2026-03-03T10:00" in str(refusal.value)


def test_a_spreadsheet_takes_no_text_for_a_formula(three_days: list[AuditEvent], tmp_path: Path) -> None:
    call_command("export_audit_log", "--output", str(tmp_path / "audit.csv"))
    text = (tmp_path / "audit.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    assert [row[0] for row in rows[1:]] == ["1", "2", "3"]
    assert rows[3][6] == "'=cmd|'/c calc'!A0"
    assert json.loads(rows[2][7]) == {"reason": "=1+1"}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_a_document_holds_the_head_too(three_days: list[AuditEvent], tmp_path: Path, capsys: Output) -> None:
    call_command("export_audit_log", "--output", str(tmp_path / "audit.json"))
    capsys.readouterr()
    call_command("export_audit_log", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "audit.json").read_text())
    assert document["head"] == f"{three_days[2].hash}:3"
    assert [event["object_id"] for event in document["events"]] == ["v2", "v2", "=cmd|'/c calc'!A0"]


def test_an_empty_log_is_a_document_without_events(capsys: Output) -> None:
    call_command("export_audit_log", "--json")
    assert json.loads(capsys.readouterr().out) == {"head": f"{'0' * 64}:0", "events": []}


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("export_audit_log", "--output", str(tmp_path / "audit.txt"))
    assert (refusal.value.returncode, list(tmp_path.glob("audit*"))) == (1, [])


def test_who_may_not_read_the_log_may_not_export_it(person: Callable[..., object]) -> None:
    person("claire", "drh_reviewer")
    with pytest.raises(CommandError, match="claire"):
        call_command("export_audit_log", "--as", "claire")
