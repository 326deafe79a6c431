"""Refusals as HTTP answers: the one table from class to status, and their shape in the API (RFC 9457, problem+json).

Under ``/api/`` a few refusals are about the request itself, and no other door has them:

    UsageError
    ├── RequestInvalidError    a parameter or a body that does not follow its schema, each mistake with its place and value
    ├── AddressUnknownError    no operation has that address
    ├── MethodRefusedError     the address has no such method
    ├── BodyTooLargeError      … and nothing of it was read
    ├── BodyTypeError          a body that is not JSON
    └── LengthRequiredError    a body that does not say how long it is
"""

import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.views import defaults
from pydantic_core import to_json

from future_skills.errors import (
    AccessError,
    AlertNotFoundError,
    ArtifactError,
    CampaignNotFoundError,
    DataError,
    Defect,
    FutureSkillsError,
    MissingFeaturesError,
    NotAnsweringError,
    NotAuthenticatedError,
    OverrideNotFoundError,
    PredictionNotFoundError,
    RequestNotFoundError,
    SampleNotFoundError,
    StorageError,
    TooManyRequestsError,
    UsageError,
    VersionNotFoundError,
    WindowNotFoundError,
    translatable,
)

API_ROOT: Final = "/api/"
PROBLEM_TYPE: Final = "application/problem+json"
DOCS: Final = "/api/v1/docs"
"""Where every code is explained: the ``type`` of a problem is an address there."""


class RequestInvalidError(UsageError):
    """A parameter or a body does not follow its schema. Details: ``count``, ``problems`` (``where``, ``value``, ``reason``)."""

    code = "request_invalid"
    template = translatable("The request cannot be understood: {count} mistake(s).")
    shown: ClassVar[int] = 20

    def __init__(self, defects: Sequence[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__(
            count=len(self.defects),
            problems=[
                {"where": defect.column, "value": defect.value, "reason": defect.explain()}
                for defect in self.defects[: self.shown]
            ],
        )

    def explain(self, translate: Any = str) -> str:
        """The message, then each mistake with its place."""
        place = translate(translatable("{where}: {reason} (given: {value})"))
        mistakes = [
            place.format(where=defect.column, reason=defect.explain(translate), value=defect.value)
            for defect in self.defects[: self.shown]
        ]
        return " ".join((super().explain(translate), "; ".join(mistakes)))


class AddressUnknownError(UsageError):
    """No operation has that address. Details: ``path``."""

    code = "address_unknown"
    template = translatable("There is nothing at {path}.")
    hint = translatable("Every operation is listed at {docs}.")


class MethodRefusedError(UsageError):
    """The address has no such method. Details: ``path``, ``method``, ``allowed``."""

    code = "method_not_allowed"
    template = translatable("{path} does not take {method}.")
    hint = translatable("It takes {allowed}.")


class BodyTooLargeError(UsageError):
    """The body is longer than the server takes. Details: ``most`` (bytes)."""

    code = "body_too_large"
    template = translatable("The body is longer than {most} bytes.")
    hint = translatable("Send fewer rows at a time.")


class BodyTypeError(UsageError):
    """The body is not said to be JSON. Details: ``given``."""

    code = "body_not_json"
    template = translatable("The body must be JSON, not “{given}”.")
    hint = translatable("Send it with the header Content-Type: application/json.")


class LengthRequiredError(UsageError):
    """The body does not say how long it is."""

    code = "length_required"
    template = translatable("The body does not say how long it is.")
    hint = translatable("Send it with the header Content-Length.")


STATUS: Final[tuple[tuple[type[FutureSkillsError], int], ...]] = (
    (NotAuthenticatedError, 401),
    (AccessError, 403),
    (VersionNotFoundError, 404),
    (SampleNotFoundError, 404),
    (PredictionNotFoundError, 404),
    (OverrideNotFoundError, 404),
    (WindowNotFoundError, 404),
    (AlertNotFoundError, 404),
    (RequestNotFoundError, 404),
    (CampaignNotFoundError, 404),
    (AddressUnknownError, 404),
    (MethodRefusedError, 405),
    (LengthRequiredError, 411),
    (BodyTooLargeError, 413),
    (BodyTypeError, 415),
    (TooManyRequestsError, 429),
    (UsageError, 400),
    (DataError, 422),
    (MissingFeaturesError, 422),
    (ArtifactError, 503),
    (NotAnsweringError, 503),
    (StorageError, 503),
    (FutureSkillsError, 409),
)
"""Refusal -> HTTP status, on pages and in the API; the first class that fits."""

TITLES: Final[dict[int, str]] = {
    400: translatable("Request not understood"),
    401: translatable("Not logged in"),
    403: translatable("Not allowed"),
    404: translatable("Not found"),
    405: translatable("Method not allowed"),
    409: translatable("Refused"),
    411: translatable("Length required"),
    413: translatable("Body too large"),
    415: translatable("Body not understood"),
    422: translatable("Data not usable"),
    429: translatable("Too many requests"),
    500: translatable("Fault of the server"),
    503: translatable("Not available now"),
}
"""Status in words; doors translate them."""


def status_of(error: FutureSkillsError) -> int:
    """The HTTP status of a refusal."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def problem(request: HttpRequest, error: FutureSkillsError) -> HttpResponse:
    """A refusal as the API answers it, in the language of the request."""
    status = status_of(error)
    response = _problem(request, status, error.code, error.explain(gettext), error.details)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Future Skills ML"'
    if isinstance(error, MethodRefusedError):
        response.headers["Allow"] = error.details["allowed"]
    if isinstance(error, TooManyRequestsError):
        response.headers["Retry-After"] = str(error.details["seconds"])
    return response


def _problem(request: HttpRequest, status: int, code: str, detail: str, details: dict[str, Any]) -> HttpResponse:
    document = {
        "type": f"{DOCS}#{code}",
        "title": gettext(TITLES[status]),
        "status": status,
        "code": code,
        "detail": detail,
        "details": details,
        "instance": request.path,
    }
    content = to_json(document, fallback=str)
    return HttpResponse(content, status=status, content_type=PROBLEM_TYPE, headers={"Cache-Control": "no-store"})


# --- What Django refuses before any operation, and faults -----------------------------------------------------------------
def _in_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_ROOT)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django itself refuses: a host that is not this server's, a header or a form too large."""
    if _in_api(request):
        reason = gettext("The server refused the request: {reason}").format(reason=type(exception).__name__)
        return _problem(request, 400, UsageError.code, reason, {})
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of the product: its trace is in the server's log."""
    if _in_api(request):
        detail = gettext("The server failed; nothing was half-written. Its log says why.")
        return _problem(request, 500, "internal_error", detail, {})
    return defaults.server_error(request)


# --- Pydantic's mistakes in our words -------------------------------------------------------------------------------------
_REASONS: Final[dict[str, str]] = {
    "missing": translatable("it is required"),
    "extra_forbidden": translatable("there is no such field"),
    "unknown_parameter": translatable("there is no such parameter; known: {known}"),
    "string_type": translatable("it must be a text"),
    "string_too_short": translatable("it must have at least {min_length} character(s)"),
    "string_too_long": translatable("it must have at most {max_length} characters"),
    "string_pattern_mismatch": translatable("it must match {pattern}"),
    "int_type": translatable("it must be a whole number"),
    "int_parsing": translatable("it must be a whole number"),
    "int_from_float": translatable("it must be a whole number"),
    "int_parsing_size": translatable("the number is too large"),
    "float_type": translatable("it must be a number"),
    "float_parsing": translatable("it must be a number"),
    "finite_number": translatable("it must be a finite number"),
    "bool_type": translatable("it must be true or false"),
    "bool_parsing": translatable("it must be true or false"),
    "greater_than_equal": translatable("it must be at least {ge}"),
    "less_than_equal": translatable("it must be at most {le}"),
    "too_short": translatable("it must hold at least {min_length}, and holds {actual_length}"),
    "too_long": translatable("it must hold at most {max_length}, and holds {actual_length}"),
    "enum": translatable("it must be one of {expected}"),
    "literal_error": translatable("it must be one of {expected}"),
    "list_type": translatable("it must be a list"),
    "dict_type": translatable("it must be an object with names and values"),
    "model_type": translatable("it must be an object with names and values"),
    "model_attributes_type": translatable("it must be an object with names and values"),
}
"""Pydantic's type of a mistake -> the sentence, with pydantic's values; moments and days are in ``_PATTERNS``."""

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(datetime|timezone)_.*"), translatable("it must be a moment, such as 2026-03-03T10:00")),
    (re.compile(r"date_.*"), translatable("it must be a day, such as 2026-03-03")),
)


def defect_of(mistake: dict[str, Any]) -> Defect:
    """One mistake found by pydantic: where it is, what was given there, and what it should be."""
    kind = mistake["type"]
    reason = _REASONS.get(kind) or next((text for pattern, text in _PATTERNS if pattern.fullmatch(kind)), "")
    values = mistake.get("ctx", {}) if reason else {"message": mistake["msg"]}
    return Defect(
        line=0,
        column=_place(mistake["loc"]),
        value="—" if kind == "missing" else _shown(mistake.get("input")),
        reason=reason or "{message}",
        values=tuple((name, str(value)) for name, value in values.items()),
    )


def _place(location: Sequence[str | int]) -> str:
    """``body.rows[3].skill_name``, ``query.limit``."""
    place = str(location[0])
    for step in location[1:]:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place[:200]


def _shown(value: object) -> str:
    """The beginning of a value, as JSON writes it; of a list or an object, how much it holds."""
    if isinstance(value, dict | list) and value:
        return f"{{…{len(value)}}}" if isinstance(value, dict) else f"[…{len(value)}]"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"
