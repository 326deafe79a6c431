"""What a server process does before its first request."""

import logging
from typing import Final

from django.db import DatabaseError
from django.utils.translation import gettext

from apps.accounts.actors import server_actor
from apps.accounts.refusals import storage_refusal
from apps.serving.checks import check_pin
from apps.serving.predictions import warm_up
from apps.serving.services import apply_pin
from future_skills.errors import FutureSkillsError

_log: Final = logging.getLogger(__name__)


def start() -> None:
    """Heed the pin of the settings, say what is wrong, and open what is live. Whatever is wrong, the server starts."""
    try:
        _heed_pin()
        warm_up()
    except FutureSkillsError as error:
        _log.warning(error.explain(gettext))
    except (OSError, DatabaseError) as error:
        _log.warning(storage_refusal(error).explain(gettext))


def _heed_pin() -> None:
    sighting = apply_pin(actor=server_actor())
    if sighting is not None and sighting.deployment is not None:
        _log.warning(
            gettext("{version} is in production: the settings pin it.").format(version=sighting.deployment.version.name)
        )
    for finding in check_pin():
        _log.warning(f"({finding.id}) {finding.msg} {finding.hint}")
