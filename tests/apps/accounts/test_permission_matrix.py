"""Who may do what: every address of the URL table and every verb, with everybody; what has no rule fails.

Nothing is listed here: addresses are read from the URL table, verbs from ``apps.*.services``, what each needs from its mark
(``needs``, ``public``, ``verb``), and who has it from ``ROLES``. A new address or verb is asked as soon as it is there.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.urls.resolvers import RoutePattern

import apps
from apps.accounts.access import needed
from apps.accounts.actors import Actor
from apps.accounts.rights import PROVED, ROLES, Right, roles_with
from apps.accounts.services import create_token
from future_skills.errors import PermissionDeniedError, ProofRequiredError
from tests.apps.registry import factories

pytestmark = pytest.mark.django_db

EVERYBODY: dict[str, frozenset[Right]] = {
    "nobody": frozenset(),  # logged in, without a role
    **ROLES,
    "everything": frozenset[Right]().union(*ROLES.values()),
}
"""Visitor -> rights; a stranger is nobody of them."""

NAMES = {"name": "v1", "version": "v1"}
"""What an address with such a part is asked for, so that it leads to something."""

KINDS = {"int": "1", "str": "unknown", "slug": "unknown", "path": "unknown"}
"""… and with any other part."""


# --- The URL table ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Address:
    """An address that the server answers.

    Attributes:
        route: as the URL table has it.
        path: one that fits.
        view: what answers.
    """

    route: str
    path: str
    view: Callable[..., Any]

    @property
    def is_public(self) -> bool:
        return getattr(self.view, "public", False)

    @property
    def in_api(self) -> bool:
        """Whether it takes tokens, and says no as the API does."""
        return self.path.startswith("/api/") or getattr(self.view, "takes_tokens", False)

    @property
    def methods(self) -> list[str]:
        return list(getattr(self.view, "needs", {"GET": (), "POST": ()}))


def addresses(patterns: list[Any] | None = None, before: str = "/") -> Iterator[Address]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        assert isinstance(pattern.pattern, RoutePattern), f"{pattern}: an address is written with path()"
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield Address(route, re.sub(r"<(?:(\w+):)?(\w+)>", _part, route), pattern.callback)


def _part(found: re.Match[str]) -> str:
    kind, name = found.groups(default="str")
    return NAMES.get(name) or KINDS[kind]


ADDRESSES = list(addresses())


def test_the_table_is_read_to_its_leaves() -> None:
    paths = {address.path for address in ADDRESSES}
    assert {"/login/", "/account/", "/versions/", "/versions/v1/", "/compare/"} <= paths
    for address in ADDRESSES:
        assert resolve(address.path).func is address.view, address.route


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.route)
def test_every_address_says_who_it_is_for(address: Address) -> None:
    marks = getattr(address.view, "needs", None)
    assert address.is_public != (marks is not None), f"{address.route}: mark its view with @needs(…) or @public"
    assert all(set(rights) <= set(Right) for rights in (marks or {}).values())


# --- Everybody asks for everything --------------------------------------------------------------------------------------
Ask = Callable[[str, str], HttpResponse]


def ask(method: str, path: str, **headers: str) -> HttpResponse:
    """The answer to one request; what it wrote is taken back."""
    client = Client(headers={"accept-language": "en"} | headers)
    body = {"data": "{}", "content_type": "application/json"} if path.startswith("/api/") and method != "GET" else {}
    with transaction.atomic():
        response: HttpResponse = client.generic(method, path, **body)
        transaction.set_rollback(True)
    return response


@pytest.fixture
def version(person: Callable[..., User]) -> None:
    """Something to look at, on an installation that is not fresh."""
    person("adele", "administrator")
    factories.version("v1")


@pytest.fixture
def logged_in(login: Callable[..., Client], version: None) -> Callable[[str], Ask]:
    """The requests of a visitor's browser."""

    def of(visitor: str) -> Ask:
        roles = ROLES if visitor == "everything" else {visitor} & ROLES.keys()
        cookie = login(*roles, username=visitor).cookies[settings.SESSION_COOKIE_NAME].value
        return partial(ask, cookie=f"{settings.SESSION_COOKIE_NAME}={cookie}")

    return of


@pytest.fixture
def with_a_token(person: Callable[..., User], version: None) -> Callable[[frozenset[Right]], Ask]:
    """The requests of somebody who has every role, and a token of these rights."""
    person("camille", *ROLES)

    def of(scopes: frozenset[Right]) -> Ask:
        owner = Actor("camille", "login")
        _token, secret = create_token(actor=owner, username="camille", name="essai", scopes=scopes)
        return partial(ask, authorization=f"Bearer {secret}")

    return of


def mistakes(ask_as: Ask, held: frozenset[Right], where: list[Address]) -> list[str]:
    """Where somebody with these rights is let in who may not, or kept out who may."""
    wrong = []
    for address in where:
        for method in address.methods:
            wanted = () if address.is_public else needed(address.view, method)
            allowed = not wanted or not held.isdisjoint(wanted)
            response = ask_as(method, address.path)
            if not (_lets_in(response) if allowed else _refuses(response, address)):
                wrong.append(f"{method} {address.route}: {response.status_code}, needs {wanted or 'a login'}")
    return wrong


def _lets_in(response: HttpResponse) -> bool:
    """Whether it is an answer, if only to say what is missing."""
    asks_for_login = response.headers.get("Location", "").startswith("/login/?")
    return (response.status_code < 500 or response.status_code == 503) and not (
        response.status_code in {401, 403} or asks_for_login
    )


def _refuses(response: HttpResponse, address: Address) -> bool:
    if address.in_api:
        return response.status_code == 403 and _problem(response) == "permission_denied"
    return response.status_code == 403 and response.headers["Content-Type"].startswith("text/html")


def _problem(response: HttpResponse) -> str:
    """The code of a refusal of the API."""
    assert response.headers["Content-Type"] == "application/problem+json"
    return str(response.json()["code"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("visitor", EVERYBODY)
def test_pages_and_api_let_in_whom_the_table_lets_in(logged_in: Callable[[str], Ask], visitor: str) -> None:
    assert mistakes(logged_in(visitor), EVERYBODY[visitor], ADDRESSES) == []


IN_API = [address for address in ADDRESSES if address.in_api]


@pytest.mark.parametrize("role", ROLES)
def test_a_token_opens_what_it_was_made_for(with_a_token: Callable[[frozenset[Right]], Ask], role: str) -> None:
    assert mistakes(with_a_token(ROLES[role]), ROLES[role], IN_API) == []


def test_a_stranger_is_led_to_the_login_and_told_so_by_the_api(version: None) -> None:
    wrong = []
    for address in ADDRESSES:
        for method in address.methods:
            response = ask(method, address.path)
            if address.is_public:
                right = _lets_in(response)
            elif address.in_api:
                right = response.status_code == 401 and _problem(response) == "not_authenticated"
                right = right and response.headers["WWW-Authenticate"].startswith("Bearer")
            else:
                login = "/login/?next=/" if method == "GET" else "/login/"
                right = response.status_code == 302 and response.headers["Location"].startswith(login)
            if not right:
                wrong.append(f"{method} {address.route}: {response.status_code}")
    assert wrong == []


def test_every_answer_has_a_strict_policy_and_no_frame(logged_in: Callable[[str], Ask]) -> None:
    ask_as = logged_in("everything")
    for address in ADDRESSES:
        headers = ask_as("GET", address.path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; "), address.route
        assert "unsafe" not in policy, address.route
        assert "http:" not in policy, address.route
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff"), address.route


@pytest.mark.parametrize("visitor", EVERYBODY)
def test_nobody_is_shown_a_button_that_would_refuse_them(logged_in: Callable[[str], Ask], visitor: str) -> None:
    ask_as, held, wrong = logged_in(visitor), EVERYBODY[visitor], []
    for address in ADDRESSES:
        if "GET" not in address.methods or address.in_api:
            continue
        response = ask_as("GET", address.path)
        if response.streaming or response.status_code != 200:
            continue
        for form in re.findall(r"<form\b[^>]*\bmethod=\"post\"[^>]*>", response.content.decode()):
            action = re.search(r"\baction=\"([^\"?#]+)", form)
            view = resolve(action[1] if action else address.path).func
            wanted = () if getattr(view, "public", False) else needed(view, "POST")
            if wanted and held.isdisjoint(wanted):
                wrong.append(f"{address.route}: {form}")
    assert wrong == []


# --- The verbs ----------------------------------------------------------------------------------------------------------
WITHOUT_A_RIGHT = {
    "apps.audit.services.record": "no act of its own: what writes the event of every act, inside the act",
    "apps.accounts.services.create_demo_people": "makes those who have rights; refused wherever somebody real has an account",
    "apps.serving.services.apply_pin": "the server looks at its settings when it starts; what it may then do is deploy_version",
}
"""Functions that take an actor and ask for no right, and why."""


def acts() -> Iterator[Callable[..., Any]]:
    """Every public function of a room's services that takes an actor."""
    for found in pkgutil.walk_packages(apps.__path__, "apps."):
        if "services" not in found.name.split("."):
            continue
        module = importlib.import_module(found.name)
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == found.name and not name.startswith("_")
            if own and "actor" in inspect.signature(function).parameters:
                yield function


def full_name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__name__}"


ACTS = list(acts())
VERBS = [function for function in ACTS if full_name(function) not in WITHOUT_A_RIGHT]


class Untouched:
    """An argument of a verb that fails the test as soon as anybody looks at it."""

    def __getattribute__(self, name: str) -> Any:
        pytest.fail(f"looked at ({name}) before the right was asked")


def call(function: Callable[..., Any], actor: Actor) -> None:
    """Call a verb with nothing that makes sense but its actor."""
    parameters = inspect.signature(function).parameters.values()
    required = [one.name for one in parameters if one.default is one.empty and one.name != "actor"]
    function(actor=actor, **{name: Untouched() for name in required})


def test_verbs_are_found_and_the_exceptions_are_still_there() -> None:
    names = {full_name(function) for function in ACTS}
    assert {"apps.accounts.services.create_person", "apps.registry.services.approvals.approve"} <= names
    assert set(WITHOUT_A_RIGHT) <= names


@pytest.mark.parametrize("function", VERBS, ids=full_name)
def test_every_verb_names_a_right_that_somebody_has(function: Callable[..., Any]) -> None:
    rights = getattr(function, "rights", None)
    assert rights, f"{full_name(function)}: declare its right with @verb(Right.…)"
    assert all(roles_with(right) for right in rights)


@pytest.mark.parametrize("function", VERBS, ids=full_name)
def test_a_verb_refuses_who_has_not_the_right_before_anything_else(
    function: Callable[..., Any], person: Callable[..., User]
) -> None:
    rights = set(function.rights)  # type: ignore[attr-defined]
    for visitor, held in EVERYBODY.items():
        person(visitor, *({visitor} & ROLES.keys()))
        if held.isdisjoint(rights) and visitor != "everything":
            with pytest.raises(PermissionDeniedError):
                call(function, Actor(visitor, "login"))
            with pytest.raises(PermissionDeniedError):
                call(function, Actor(visitor, "declared"))
    person("everything", *ROLES)
    with pytest.raises(PermissionDeniedError, match="not with this token"):
        call(function, Actor("everything", "token", frozenset(set(Right) - rights)))
    with pytest.raises(PermissionDeniedError):
        call(function, Actor("a ghost", "login"))


@pytest.mark.parametrize("function", VERBS, ids=full_name)
def test_what_is_done_in_ones_own_name_needs_a_proof(function: Callable[..., Any], person: Callable[..., User]) -> None:
    rights = set(function.rights)  # type: ignore[attr-defined]
    person("everything", *ROLES)
    if rights <= PROVED:
        for source in ("declared", "environment", "system"):
            with pytest.raises(ProofRequiredError):
                call(function, Actor("everything", source))  # type: ignore[arg-type]
    else:
        assert not rights & {Right.LABEL, Right.APPROVE_DATA, Right.APPROVE_DRH, Right.OVERRIDE}
