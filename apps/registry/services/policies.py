"""Verb on the gate policy: another one takes the place of the repository's file."""

from pathlib import Path

from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, verb
from apps.audit.services import record, turn
from apps.registry.models import GatePolicyChoice
from apps.registry.policies import active_policy
from apps.registry.services.page import render_after_commit
from apps.registry.words import required_words
from future_skills.errors import UsageError, translatable
from future_skills.policy import GatePolicy, default_policy, policy_sha256, read_policy


@verb(Right.ADMINISTER)
def set_policy(*, actor: Actor, path: Path | None, reason: str) -> GatePolicy:
    """Put a policy in force: reports made under another one are out of date, and their approvals fall.

    Args:
        actor: who decides.
        path: a YAML file; None goes back to the repository's.
        reason: why, in words.

    Raises:
        PolicyError: the file is not a policy.
        UsageError: no reason, or the policy is in force already.
    """
    reason = required_words(reason, translatable("A change of policy needs a reason, of 10 000 characters at most."))
    policy = default_policy() if path is None else read_policy(path)
    sha256 = policy_sha256(policy)
    with turn():
        before = policy_sha256(active_policy())
        if sha256 == before:
            raise UsageError(translatable("This policy is in force already."))
        GatePolicyChoice.objects.create(
            content=policy.model_dump(mode="json"),
            sha256=sha256,
            reason=reason,
            created_at=timezone.now(),
            created_by=actor.name,
        )
        record(
            actor=actor,
            action="registry.set_policy",
            object_type="policy",
            object_id=sha256,
            details={"from": before, "reason": reason, "policy": policy.model_dump(mode="json")},
        )
        render_after_commit()
    return policy
