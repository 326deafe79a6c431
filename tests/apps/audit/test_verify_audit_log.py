"""The command that says whether the log is as it was written."""

import json

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import record

pytestmark = pytest.mark.django_db


def test_an_intact_log_is_counted(analyst: Actor, capsys: pytest.CaptureFixture[str]) -> None:
    record(actor=analyst, action="test.act", object_type="thing", object_id="1", details={})
    call_command("verify_audit_log", "--json")
    assert json.loads(capsys.readouterr().out) == {"events": 1, "intact": True}


def test_a_changed_event_is_named_and_refused(analyst: Actor, capsys: pytest.CaptureFixture[str]) -> None:
    for number in "12":
        record(actor=analyst, action="test.act", object_type="thing", object_id=number, details={})
    AuditEvent.objects.filter(sequence=2).update(action="test.other")
    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit_log", "--json")
    assert refusal.value.returncode == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["details"]["sequence"]) == ("audit_chain_broken", 2)
