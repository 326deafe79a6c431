"""Which gate policy is in force: the newest row, else the repository's file."""

from apps.registry.models import GatePolicyChoice
from future_skills.policy import GatePolicy, default_policy, parse_policy


def active_policy() -> GatePolicy:
    """The policy that a report made now is judged by. One query."""
    chosen = GatePolicyChoice.objects.order_by("-id").first()
    return default_policy() if chosen is None else parse_policy(chosen.content)
