"""Retraining as a background task."""

from django_tasks import task

from apps.monitoring.retraining_work import work_on
from future_skills.errors import RetrainingBusyError


@task()
def run_retraining(request: int) -> None:
    """Bring a request to its end, unless somebody does."""
    try:
        work_on(request)
    except RetrainingBusyError:
        return
