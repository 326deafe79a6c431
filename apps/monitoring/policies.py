"""Which monitoring policy is in force: the newest row, else the repository's file."""

from apps.monitoring.models import MonitoringPolicyChoice
from future_skills.monitoring_policy import MonitoringPolicy, default_monitoring_policy, parse_monitoring_policy


def active_monitoring_policy() -> MonitoringPolicy:
    """The policy that a window is judged by now. One query."""
    chosen = MonitoringPolicyChoice.objects.order_by("-id").first()
    return default_monitoring_policy() if chosen is None else parse_monitoring_policy(chosen.content)
