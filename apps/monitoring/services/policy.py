"""Verb on the monitoring policy: another one takes the place of the repository's file."""

from pathlib import Path

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.monitoring.models import MonitoringPolicyChoice
from apps.monitoring.policies import active_monitoring_policy
from apps.registry.words import required_words
from future_skills.errors import UsageError, translatable
from future_skills.monitoring_policy import MonitoringPolicy, default_monitoring_policy, read_monitoring_policy


@verb(Right.ADMINISTER)
def set_monitoring_policy(*, actor: Actor, path: Path | None, reason: str) -> MonitoringPolicy:
    """Put a policy in force: windows that are looked at from now on are judged by it; what was found before stays.

    Args:
        actor: who decides.
        path: a YAML file; None goes back to the repository's.
        reason: why, in words.

    Raises:
        PolicyError: the file is not a monitoring policy.
        UsageError: no reason, or the policy is in force already.
    """
    reason = required_words(reason, translatable("A change of policy needs a reason, of 10 000 characters at most."))
    policy = default_monitoring_policy() if path is None else read_monitoring_policy(path)
    with turn():
        before = active_monitoring_policy().sha256
        if policy.sha256 == before:
            raise UsageError(translatable("This policy is in force already."))
        content = policy.model_dump(mode="json")
        MonitoringPolicyChoice.objects.create(
            content=content, sha256=policy.sha256, reason=reason, created_at=timezone.now(), created_by=actor.name
        )
        record(
            actor=actor,
            action="monitoring.set_policy",
            object_type="monitoring_policy",
            object_id=policy.sha256,
            details={"from": before, "reason": reason, "policy": content},
        )
    return policy
