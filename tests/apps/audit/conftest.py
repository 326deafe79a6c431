"""A log of five events."""

import pytest
from django.db import transaction

from apps.accounts.actors import Actor
from apps.audit.models import AuditEvent
from apps.audit.services import record


@pytest.fixture
def five_events(db: None, analyst: Actor) -> list[AuditEvent]:
    with transaction.atomic():
        return [
            record(actor=analyst, action="test.act", object_type="thing", object_id=str(i), details={"é": i / 3})
            for i in range(1, 6)
        ]
