"""Pages of the track record: what was announced at each past period, and what happened."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.monitoring.replays import newest_replay, track_record_of
from apps.monitoring.views import SECTION, offline_file
from apps.monitoring.words import language
from future_skills import replay_page, replay_text


@needs(Right.READ)
@require_safe
def replay(request: HttpRequest) -> HttpResponse:
    """The newest track record, or how one is made."""
    found = newest_replay()
    context = SECTION | {"found": found, "title": replay_text.title(language())}
    if found is not None:
        record = track_record_of(found)
        context |= {
            "headline": replay_text.headline(record, language()),
            "body": mark_safe(replay_page.body(record, language())),  # noqa: S308  # made by us, escaped
        }
    return render(request, "monitoring/replay.html", context)


@needs(Right.READ)
@require_safe
def replay_report(request: HttpRequest) -> HttpResponse:
    """The same as one file that opens anywhere, in the reader's language."""
    del request
    found = newest_replay()
    if found is None:
        raise Http404
    return offline_file(replay_page.page(track_record_of(found), language()), f"track_record_{found.version.name}")
