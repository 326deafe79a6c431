"""The one JSON API, wired: its rooms, who acts, refusals as problem+json, its OpenAPI document and the page that shows it.

Never a rule, never a query: an operation is a function of a room's ``api.py``, marked by ``needs`` as a page is.
"""

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, wraps
from typing import Any, Final, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError, ValidationErrorContext
from ninja.operation import Operation, PathView
from ninja.parser import Parser
from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from apps.accounts.access import needed, public
from apps.accounts.api import Bearer, Login
from apps.accounts.api import router as account_router
from apps.accounts.audit_api import audit_router
from apps.accounts.refusals import storage_refusal
from apps.accounts.rights import RIGHT_NAMES
from apps.monitoring.api import router as monitoring_router
from apps.registry.api import production_router, promotion_router, samples_router, versions_router
from apps.serving.api import router as predictions_router
from config.problems import (
    DOCS,
    PROBLEM_TYPE,
    STATUS,
    TITLES,
    AddressUnknownError,
    BodyTooLargeError,
    BodyTypeError,
    LengthRequiredError,
    MethodRefusedError,
    RequestInvalidError,
    defect_of,
    problem,
)
from future_skills.errors import FutureSkillsError, NotAuthenticatedError, UsageError, translatable

PREFIX: Final = "/api/v1/"
JSON_TYPE: Final = "application/json"
ANSWER_TYPE: Final = f"{JSON_TYPE}; charset=utf-8"


class Problem(BaseModel):
    """A refusal (RFC 9457). ``code`` is the same in commands and in Python; ``detail`` is in the language of the request.

    Attributes:
        type: where the code is explained.
        details: the facts behind ``detail``, by name.
        instance: the address that was asked.
    """

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    code: str
    detail: str
    details: dict[str, Any]
    instance: str


class JsonBody(Parser):
    """Bodies are JSON, said to be JSON, without NaN."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body as Python values.

        Raises:
            BodyTypeError: it is not said to be JSON.
            UsageError: it is not JSON.
        """
        if request.content_type != JSON_TYPE:
            raise BodyTypeError(given=(request.content_type or "")[:80])
        try:
            return from_json(request.body, allow_inf_nan=False)
        except ValueError as error:
            raise UsageError(translatable("The body is not JSON: {problem}."), problem=str(error)) from error


class Api(NinjaAPI):
    """Ninja's operations behind one door: unknown methods and parameters are refused, and nothing is kept in caches."""

    @property
    def urls(self) -> list[URLPattern]:  # type: ignore[override]
        """One address per path, under ``PREFIX``."""
        patterns = []
        for router in self._get_bound_routers():
            for template, path_view in router.path_operations.items():
                route = template.lstrip("/").replace("{", "<").replace("}", ">")
                patterns.append(path(route, _door(path_view), name=path_view.operations[0].view_func.__name__))
        return patterns

    @property
    def operations(self) -> list[Operation]:
        """Every operation, in the order of the routers."""
        views = [view for router in self._get_bound_routers() for view in router.path_operations.values()]
        return [operation for view in views for operation in view.operations]

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """What ninja hands to operations that set headers themselves: ours do not, and need none made for them."""
        del request
        return _NO_RESPONSE

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The function's name: there is one API, and names are unique."""
        return operation.view_func.__name__

    def validation_error_from_error_contexts(self, error_contexts: list[ValidationErrorContext]) -> ValidationError:
        """Every mistake with its place and the value that was given (ninja leaves the value out)."""
        mistakes = []
        for context in error_contexts:
            source = context.model.__ninja_param_source__
            places = getattr(context.model, "__ninja_flatten_map_reverse__", {})
            for mistake in context.pydantic_validation_error.errors(include_url=False):
                place = places.get(mistake["loc"], mistake["loc"])
                # a body is one argument of the function: its name there means nothing to those who sent it
                mistakes.append({**mistake, "loc": (source, *(place[1:] if source == "body" else place))})
        return ValidationError(mistakes)


def _door(path_view: PathView) -> Callable[..., HttpResponse]:
    """The view of an address: its mark is that of its operations, and ninja's checks come first."""
    for operation in path_view.operations:
        operation.view_func = _written(operation)
    operations = {method: operation for operation in path_view.operations for method in operation.methods}
    allowed = ", ".join(sorted(operations))
    parameters = {method: _parameters(operation) for method, operation in operations.items()}

    def view(request: HttpRequest, **names: str) -> HttpResponse:
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in operations:
            refused = MethodRefusedError(path=request.path, method=method[:20], allowed=allowed)
            return problem(request, refused)
        refusal = _unknown_parameters(request, parameters[method]) or _endless_body(request)
        response = problem(request, refusal) if refusal else operations[method].run(request, **names)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    view.needs = {method: needed(operation.view_func, method) for method, operation in operations.items()}
    view.operations = operations
    view.csrf_exempt = True  # a token needs none, and Login checks it
    view.login_required = False  # no page to log in on: 401
    return view


_NO_RESPONSE: Final = HttpResponse()


def _written(operation: Operation) -> Callable[..., HttpResponse]:
    """The function of an operation, its document written as JSON at once; ninja would make dictionaries of it first."""
    view, (status,) = operation.view_func, operation.response_models

    @wraps(view)
    def written(request: HttpRequest, **values: Any) -> HttpResponse:
        document: BaseModel = view(request, **values)
        return HttpResponse(document.model_dump_json(), status=status, content_type=ANSWER_TYPE)

    return written


def _parameters(operation: Operation) -> frozenset[str]:
    """Names that an operation reads in the address, after the question mark."""
    models = [model for model in operation.models if model.__ninja_param_source__ == "query"]
    return frozenset(name for model in models for name in model.__ninja_flatten_map__)


def _unknown_parameters(request: HttpRequest, known: Collection[str]) -> RequestInvalidError | None:
    """A parameter that nobody reads is a mistake: a filter with a typo would show everything."""
    if not request.META.get("QUERY_STRING"):
        return None
    mistakes = [
        {
            "type": "unknown_parameter",
            "loc": ("query", name),
            "input": request.GET[name],
            "ctx": {"known": ", ".join(sorted(known)) or "—"},
        }
        for name in request.GET
        if name not in known
    ]
    return RequestInvalidError([defect_of(mistake) for mistake in mistakes]) if mistakes else None


def _endless_body(request: HttpRequest) -> LengthRequiredError | None:
    """Django would take a body of unknown length for an empty one."""
    endless = "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH")
    return LengthRequiredError() if endless else None


# --- The API --------------------------------------------------------------------------------------------------------------
api = Api(
    title="Future Skills ML",
    version="1",
    description="How much each skill will be needed in each job role, and the model that says so.",
    auth=[Bearer(), Login()],
    parser=JsonBody(),
    openapi_url=None,
    docs_url=None,
)
for _router in (
    predictions_router,
    production_router,
    versions_router,
    promotion_router,
    samples_router,
    monitoring_router,
    audit_router,
    account_router,
):
    api.add_router("", _router)

TAGS: Final = {
    "predictions": _("Predictions"),
    "production": _("Production"),
    "versions": _("Versions"),
    "promotion": _("Promotion"),
    "validation sample": _("Validation sample"),
    "monitoring": _("Monitoring"),
    "audit": _("Audit log"),
    "account": _("Account"),
}
"""The parts of the API in words."""

api.add_exception_handler(FutureSkillsError, problem)


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    del error
    return problem(request, NotAuthenticatedError())


@api.exception_handler(HttpError)
def _unparsed(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Ninja makes an error of its own of what ``JsonBody`` refuses."""
    refusal = error.__cause__
    if not isinstance(refusal, FutureSkillsError):
        refusal = UsageError(translatable("The body is not JSON: {problem}."), problem=error.message)
    return problem(request, refusal)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return problem(request, RequestInvalidError([defect_of(mistake) for mistake in error.errors]))


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    del error
    return problem(request, BodyTooLargeError(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


@api.exception_handler(UnreadablePostError)
def _cut(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    return problem(request, UsageError(translatable("The body did not arrive whole: {problem}."), problem=str(error)))


@api.exception_handler(OSError)
@api.exception_handler(DatabaseError)
def _storage(request: HttpRequest, error: OSError | DatabaseError) -> HttpResponse:
    return problem(request, storage_refusal(error))


# --- What it says of itself -----------------------------------------------------------------------------------------------
@lru_cache(maxsize=len(settings.LANGUAGES))
def openapi_document(language: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document, its summaries in a language."""
    with translation.override(language):
        document: dict[str, Any] = from_json(to_json(api.get_openapi_schema(path_prefix=PREFIX), fallback=str))
    components = document["components"]
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["responses"] = {
        "Problem": {
            "description": "A refusal",
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    views = {operation.view_func.__name__: operation.view_func for operation in api.operations}
    for address in document["paths"].values():
        for method, operation in address.items():
            operation["x-rights"] = needed(views[operation["operationId"]], method.upper())
            operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    return document


@public
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    del request
    return HttpResponse(to_json(openapi_document(get_language() or settings.LANGUAGE_CODE)), content_type=JSON_TYPE)


@public
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The page that lists operations and error codes, made of the OpenAPI document and of the tree of refusals."""
    document = openapi_document(get_language() or settings.LANGUAGE_CODE)
    groups: dict[str, list[dict[str, Any]]] = {}
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(
                operation
                | {
                    "address": address,
                    "method": method.upper(),
                    "rights": [gettext(RIGHT_NAMES[right]) for right in operation["x-rights"]],
                    "fields": list(_fields(document, operation.get("requestBody"))),
                }
            )
    context = {
        "groups": [(TAGS.get(tag, tag), operations) for tag, operations in groups.items()],
        "codes": _codes(),
        "openapi": f"{PREFIX}openapi.json",
    }
    return render(request, "api_docs.html", context)


def _fields(document: dict[str, Any], body: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The fields of a body: name, type, whether it is required; those of a list's rows as ``rows[].skill_name``."""
    if body is None:
        return
    pending = [("", body["content"][JSON_TYPE]["schema"])]
    while pending:
        prefix, schema = pending.pop(0)
        schema = _resolved(document, schema)
        for name, field in schema.get("properties", {}).items():
            inner = _resolved(document, field)
            yield {
                "name": prefix + name,
                "type": _type(document, field),
                "required": name in schema.get("required", ()),
            }
            if inner.get("type") == "array":
                pending.append((f"{prefix}{name}[].", inner["items"]))


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one it refers to."""
    if "allOf" in schema:
        schema = schema["allOf"][0]
    if "$ref" in schema:
        return cast("dict[str, Any]", document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return schema


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type of a value, as JSON names it, or the values it may take."""
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        return " | ".join(_type(document, one) for one in schema["anyOf"])
    return " | ".join(schema["enum"]) if "enum" in schema else str(schema.get("format", schema.get("type", "")))


def _codes() -> list[dict[str, Any]]:
    """Every code: its status, and what it says, placeholders left as they are."""
    codes = {}
    for kind in _kinds(FutureSkillsError):
        status = next(status for base, status in STATUS if issubclass(kind, base))
        says = " ".join(gettext(part) for part in (kind.template, kind.hint) if part)
        codes[kind.code] = {"code": kind.code, "status": status, "title": gettext(TITLES[status]), "says": says}
    return sorted(codes.values(), key=lambda code: (code["status"], code["code"]))


def _kinds(kind: type[FutureSkillsError]) -> Iterator[type[FutureSkillsError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


@public
def unknown_address(request: HttpRequest, rest: str) -> HttpResponse:
    """Anything else under ``/api/``."""
    del rest
    return problem(request, AddressUnknownError(path=request.path, docs=DOCS))


unknown_address.csrf_exempt = True  # type: ignore[attr-defined]  # nothing is done

urlpatterns = [*api.urls, path("openapi.json", openapi, name="openapi"), path("docs", docs, name="docs")]
