"""Verb: ask for another version."""

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.monitoring.models import RetrainRequest
from apps.monitoring.retraining import opened_request, parent_version
from apps.monitoring.selectors import find_alert
from apps.monitoring.tasks import run_retraining
from apps.registry.words import required_words
from future_skills.errors import translatable


@verb(Right.RETRAIN)
def request_retraining(*, actor: Actor, reason: str, alert: int | None = None, enqueue: bool = True) -> RetrainRequest:
    """Ask for a version that follows the live one: export, training, criteria. It waits for people, and is never deployed alone.

    With nothing new since the live version's dataset nothing is trained: the request says what is needed and from whom.

    Args:
        actor: who asks; the author of the version, who does not approve it.
        reason: why.
        alert: that it answers.
        enqueue: leave it to a worker; False: the caller works on it.

    Raises:
        UsageError: no reason.
        NothingLiveError: no version is in production.
        AlertNotFoundError: no such alert.
        RetrainingBusyError: one that follows the live version is under way.
    """
    reason = required_words(reason, translatable("A retraining needs a reason, of 10 000 characters at most."))
    about = None if alert is None else find_alert(alert)
    request = opened_request(actor=actor, parent=parent_version(), reason=reason, alert=about)
    if enqueue and not request.over:
        run_retraining.enqueue(request.pk)
    return request
