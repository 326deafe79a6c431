"""New alerts by e-mail: one message for all of them, to the addresses of the settings."""

import logging
from collections.abc import Sequence
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext, ngettext, override

from apps.monitoring.models import Alert
from apps.monitoring.words import alert_text, alert_title

logger = logging.getLogger(__name__)


def send_alerts(alerts: Sequence[Alert]) -> bool:
    """Tell people of alerts that were just opened; nothing is sent where there is no address, or no alert.

    A mail server that refuses does not undo what was found: it is said in the log of the process, and the pages show the
    alerts all the same.

    Returns:
        Whether a message left.
    """
    recipients = settings.FUTURE_SKILLS_ALERT_RECIPIENTS
    if not alerts or not recipients:
        return False
    with override(settings.LANGUAGE_CODE):
        subject = ngettext("{n} new alert about future skills", "{n} new alerts about future skills", len(alerts))
        parts = [f"{alert_title(alert)}\n{alert_text(alert)}\n{_address(alert)}" for alert in alerts]
        message = EmailMessage(
            subject=subject.format(n=len(alerts)),
            body="\n\n".join([*parts, gettext("They are acknowledged and closed on the page “Monitoring”.")]),
            to=recipients,
        )
    try:
        message.send()
    except (SMTPException, OSError) as error:
        logger.warning("New alerts were not sent by e-mail: %s", error)
        return False
    return True


def _address(alert: Alert) -> str:
    """Where the alert is shown, as the installation says its pages are reached."""
    return f"{settings.FUTURE_SKILLS_ADDRESS}/monitoring/alerts/{alert.pk}/"
