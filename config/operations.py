"""Doors for who runs the server: every request numbered, timed and written to the log; is it alive, is it ready, its figures.

What these doors promise, and to whom, is in docs/decisions/0021-operations.md.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from pydantic_core import to_json

from apps.accounts.access import public
from apps.accounts.api import Bearer, Login
from apps.accounts.rights import Right
from apps.accounts.tokens import digest
from apps.serving.reader import LIVE
from config.logs import REQUEST_ID
from config.metrics import count_request, exposition
from config.problems import problem
from future_skills.errors import (
    FutureSkillsError,
    ModelSuspendedError,
    NotAuthenticatedError,
    NothingLiveError,
    StorageError,
)

GetResponse = Callable[[HttpRequest], HttpResponse]

REQUEST_HEADER: Final = "X-Request-ID"

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are written and counted by their name; any other word is "OTHER"."""

READER_KNOWN_FOR: Final = 3600.0
"""Seconds for which a token that read the metrics reads them again while the database, which knows it, does not answer."""

_MOST_READERS: Final = 100

_log: Final = logging.getLogger("future_skills.requests")
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


# --- Every request --------------------------------------------------------------------------------------------------------
def follow_requests(get_response: GetResponse) -> GetResponse:
    """Give every request an identifier, which its answer and every record of the log have too; time, count and write it.

    Whoever asks may have given one, in ``X-Request-ID``: then logs of several servers can be read together.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        identifier = given if _VALID_ID.fullmatch(given) else secrets.token_hex(16)
        outside = REQUEST_ID.set(identifier)
        try:
            response = get_response(request)
            response.headers[REQUEST_HEADER] = identifier
            _note(request, response, time.perf_counter() - began)
        finally:
            REQUEST_ID.reset(outside)
        return response

    return middleware


def _note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Count an answer, and write its line: never the address, a body or a header, which may hold names and secrets."""
    method = request.method if request.method in METHODS else "OTHER"
    route, status = _route(request), response.status_code
    count_request(method=method, route=route, status=status, seconds=seconds)
    facts = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2), "user": _user(request)}
    level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    if _log.isEnabledFor(level):
        # not Logger.log: it looks for the line of code that called it, which no format shows
        words = {"name": _log.name, "levelno": level, "levelname": logging.getLevelName(level), "msg": "request"}
        _log.handle(logging.makeLogRecord({**words, "facts": facts}))


def _route(request: HttpRequest) -> str:
    """The template of the address, as the table of addresses has it; "static" for files, "unknown" where nothing has it."""
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "unknown"


def _user(request: HttpRequest) -> str:
    """Who asked, where it is known by now: the session and the account are not read for the log's sake."""
    actor = getattr(request, "actor", None)
    if actor is not None:
        return str(actor.name)
    user = getattr(request, "_cached_user", None)  # where AuthenticationMiddleware keeps whom it has read
    return "" if user is None else str(user.get_username())


# --- Alive, ready ---------------------------------------------------------------------------------------------------------
@public
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all: nothing is asked of the database, and nothing is told."""
    del request
    return _status(alive=True)


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 where requests may be sent here, 503 with the code of the reason where not.

    Not ready: the database does not answer, or what is live cannot be opened and trusted. Ready: it can, or people have
    decided that nothing answers now, which every process must be able to say, and which is ended on these pages.
    """
    del request
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        LIVE.live()
    except (NothingLiveError, ModelSuspendedError) as decided:
        return _status(ready=True, code=decided.code)
    except FutureSkillsError as refusal:
        return _not_ready(refusal)
    except Error as error:
        return _not_ready(StorageError.of(error), code="database_unavailable")
    except OSError as error:
        return _not_ready(StorageError.of(error))
    return _status(ready=True, code="live")


def _not_ready(refusal: FutureSkillsError, *, code: str = "") -> HttpResponse:
    """503: to whoever asks the code, to the log everything."""
    _log.warning(refusal.explain(gettext))
    return _status(503, ready=False, code=code or refusal.code)


def _status(status: int = 200, **document: object) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(to_json(document), status=status, content_type="application/json", headers=headers)


# --- Figures --------------------------------------------------------------------------------------------------------------
_readers: Final[dict[str, float]] = {}
"""Sha256 of the header Authorization of who read the metrics -> until when that is enough (monotonic seconds)."""


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads, for a token or a login that may read it."""
    ask = True
    try:
        _let_in(request)
    except FutureSkillsError as refusal:
        return problem(request, refusal)
    except Error as error:
        if not _known(request):
            return problem(request, StorageError.of(error))
        ask = False
    content, content_type = exposition(request.headers.get("Accept", ""), ask=ask)
    return HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})


metrics.needs = {"GET": (Right.READ_METRICS,)}  # type: ignore[attr-defined]
metrics.login_required = False  # type: ignore[attr-defined]  # no page to log in on: 401, as in the API
metrics.takes_tokens = True  # type: ignore[attr-defined]


def _let_in(request: HttpRequest) -> None:
    """Let in who may, as the API does, and remember the token.

    Raises:
        AccessError, TooManyRequestsError: as in the API.
        Error: the database does not say who it is.
    """
    if Bearer()(request) is None and Login()(request) is None:
        raise NotAuthenticatedError
    if "Authorization" in request.headers:
        if len(_readers) >= _MOST_READERS:
            _readers.clear()
        _readers[digest(request.headers["Authorization"])] = time.monotonic() + READER_KNOWN_FOR


def _known(request: HttpRequest) -> bool:
    return _readers.get(digest(request.headers.get("Authorization", "")), 0.0) > time.monotonic()
