"""What monitoring says of production, told to the registry, whose page shows it."""

from django.utils import timezone
from django.utils.translation import override

from apps.monitoring.models import Window
from apps.monitoring.selectors import newest_finding, newest_performance, open_alerts
from apps.monitoring.words import SEVERITY_NAMES, alarms_sentence, alert_title, window_name, worth_sentence
from apps.registry.models import WatchSummary
from apps.registry.services.page import render_after_commit

TOLD = ("version", "window", "known", "alerts")


def tell_registry(*, name: str) -> None:
    """Write a summary where it differs from the last one, in the transaction of the act that changed it.

    Args:
        name: who acts.
    """
    window = Window.objects.select_related("version").order_by("-pk").first()
    if window is None:
        return
    with override("fr"):
        summary = WatchSummary(
            version=window.version.name,
            window=window_name(window),
            known=_known(window),
            alerts=[f"[{SEVERITY_NAMES[alert.severity]}] {alert_title(alert)}" for alert in open_alerts()],
            created_at=timezone.now(),
            created_by=name,
        )
    last = WatchSummary.objects.first()
    if last is None or any(getattr(last, name) != getattr(summary, name) for name in TOLD):
        summary.save(force_insert=True)
        render_after_commit()


def _known(window: Window) -> str:
    finding, performance = newest_finding(window), newest_performance(window)
    words = [alarms_sentence(finding)] if finding else []
    return " · ".join([*words, *([worth_sentence(performance)] if performance else [])])
