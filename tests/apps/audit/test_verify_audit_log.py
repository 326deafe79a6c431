"""The command that says whether the log is as it was written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent, AuditHead
from apps.audit.services import log_head, record
from tests.audit_guard import unguarded

pytestmark = pytest.mark.django_db

Output = pytest.CaptureFixture[str]


def refused(capsys: Output, *words: str) -> dict:
    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit_log", *words, "--json")
    assert refusal.value.returncode == 1
    return json.loads(capsys.readouterr().out)["error"]


def cut(events: list[AuditEvent]) -> None:
    """Take the last two events away, as somebody would who knows how the log is made."""
    with unguarded():
        AuditEvent.objects.filter(sequence__gt=3).delete()
        AuditHead.objects.update(sequence=3, hash=events[2].hash)


def test_an_intact_log_is_counted(five_events: list[AuditEvent], capsys: Output) -> None:
    call_command("verify_audit_log", "--json")
    assert json.loads(capsys.readouterr().out) == {"events": 5, "intact": True, "head": f"{five_events[4].hash}:5"}
    call_command("verify_audit_log")
    assert "5" in capsys.readouterr().out


def test_a_changed_event_is_named_and_refused(five_events: list[AuditEvent], capsys: Output) -> None:
    with unguarded():
        AuditEvent.objects.filter(sequence=2).update(action="test.other")
    error = refused(capsys)
    assert (error["code"], error["details"]["sequence"]) == ("audit_chain_broken", 2)


def test_a_head_that_was_exported_shows_a_log_that_was_cut(
    five_events: list[AuditEvent], tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "heads" / "2026-03.txt"
    call_command("verify_audit_log", "--export-head", str(file))
    call_command("verify_audit_log", "--head", str(file))
    cut(five_events)
    call_command("verify_audit_log")
    capsys.readouterr()
    error = refused(capsys, "--head", str(file))
    assert (error["code"], error["details"]["sequence"]) == ("audit_chain_broken", 4)


def test_a_head_can_be_given_as_such(five_events: list[AuditEvent], capsys: Output) -> None:
    head = str(log_head())
    call_command("verify_audit_log", "--head", head)
    cut(five_events)
    capsys.readouterr()
    assert refused(capsys, "--head", head)["details"]["sequence"] == 4


def test_a_head_that_was_kept_is_never_replaced(
    five_events: list[AuditEvent], analyst: Actor, tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "head.txt"
    call_command("verify_audit_log", "--export-head", str(file))
    kept = file.read_text()
    record(actor=analyst, action="test.act", object_type="thing", object_id="6", details={})
    capsys.readouterr()
    assert refused(capsys, "--export-head", str(file))["code"] == "usage"
    assert file.read_text() == kept == f"{five_events[4].hash}:5\n"


def test_the_head_of_a_broken_log_is_not_exported(
    five_events: list[AuditEvent], tmp_path: Path, capsys: Output
) -> None:
    with unguarded():
        AuditEvent.objects.filter(sequence=2).update(action="test.other")
    refused(capsys, "--export-head", str(tmp_path / "head.txt"))
    assert list(tmp_path.glob("head*")) == []


@pytest.mark.parametrize("head", ["", "nowhere.txt", "0" * 64, f"{'0' * 63}:1", f"{'0' * 64}:-1", "\0", "x" * 5000])
def test_what_is_no_head_is_refused(five_events: list[AuditEvent], head: str, capsys: Output) -> None:
    assert refused(capsys, "--head", head)["code"] in {"usage", "storage_failed"}


def test_who_may_not_read_the_log_may_not_verify_it(person: Callable[..., object], capsys: Output) -> None:
    person("claire", "drh_reviewer")
    person("aude", "auditor")
    assert refused(capsys, "--as", "claire")["code"] == "permission_denied"
    call_command("verify_audit_log", "--as", "aude")
