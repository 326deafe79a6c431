"""What the OpenAPI document says is what the API does: schemathesis makes requests of it, right ones and wrong ones.

No answer is a fault of the server, and each has a status, a type and a shape that the document describes.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.accounts.actors import Actor
from apps.accounts.rights import ROLES, Right
from apps.accounts.services import create_token
from apps.registry.models import Deployment

pytestmark = pytest.mark.django_db

REQUESTS = int(os.environ.get("REQUESTS", "5"))
"""How many are made up for each operation, beside those that every field is tried with."""

UNAVAILABLE = 503
"""A fault by its number, and an answer here: a model that cannot be opened, a log that cannot be written."""


schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())


@schema.hook
def map_path_parameters(_context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every other name is that of a version which is there."""
    if parameters and len(str(parameters.get("name", ""))) % 2:
        return parameters | {"name": "v1"}
    return parameters


@pytest.fixture
def everything(live: Deployment, person: Callable[..., Any]) -> dict[str, str]:
    """A token of somebody who may do everything, on an installation with a version in production."""
    person("camille", *ROLES)
    owner = Actor("camille", "login")
    _token, secret = create_token(actor=owner, username="camille", name="essai", scopes=list(Right))
    return {"Authorization": f"Bearer {secret}"}


@schema.parametrize()
@settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_described_and_none_is_a_fault(case: Any, everything: dict[str, str]) -> None:
    with transaction.atomic():
        response = case.call(headers=everything)
        transaction.set_rollback(True)
    checks = [content_type_conformance, response_schema_conformance, status_code_conformance]
    if response.status_code != UNAVAILABLE:
        checks.append(not_a_server_error)
    case.validate_response(response, checks=checks)
