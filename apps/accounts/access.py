"""The door of every page: who is logged in, what they may do, and a mark on each view that says what it needs."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, require, rights_of
from future_skills.errors import NotAuthenticatedError

View = Callable[..., Any]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


def login_actor(request: HttpRequest) -> Actor:
    """Who acts in a request: the person logged in; in the API, the person of the token it accepted (``request.actor``).

    Raises:
        NotAuthenticatedError: nobody does.
    """
    actor: Actor | None = getattr(request, "actor", None)
    if actor is not None:
        return actor
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        raise NotAuthenticatedError
    return Actor(user.get_username(), "login")


def request_rights(request: HttpRequest) -> frozenset[Right]:
    """What the person of a request may do; nothing for a stranger. Asked of the rows once a request."""
    known: frozenset[Right] | None = getattr(request, "_rights", None)
    if known is None:
        try:
            known = rights_of(login_actor(request))
        except NotAuthenticatedError:
            known = frozenset()
        request._rights = known  # type: ignore[attr-defined]
    return known


def let_in(request: HttpRequest, rights: tuple[Right, ...]) -> None:
    """Refuse whoever has none of the rights; without any, whoever is not logged in.

    Raises:
        AccessError: who acts is not known, or may not.
    """
    actor = login_actor(request)
    if rights and request_rights(request).isdisjoint(rights):
        require(actor, *rights)


def needs(*rights: Right, post: Right | None = None) -> Callable[[View], View]:
    """A view for people who have one of the rights; without any, for everybody who is logged in.

    The mark it leaves (``view.needs``: method -> rights) is what the permission matrix is tested from.

    Args:
        *rights: any one of them is enough.
        post: what methods that change something need instead, where a view both shows and acts.
    """
    safe, unsafe = tuple(rights), (post,) if post else tuple(rights)

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            let_in(request, safe if request.method in SAFE_METHODS else unsafe)
            response: HttpResponse = view(request, *args, **kwargs)
            return response

        guarded.needs = {"GET": safe, "POST": unsafe}  # type: ignore[attr-defined]
        return guarded

    return guard


def needed(view: View, method: str) -> tuple[Right, ...]:
    """The rights of which a view marked by ``needs`` asks one; none where every login will do."""
    marks: Mapping[str, tuple[Right, ...]] = view.needs  # type: ignore[attr-defined]
    return marks[method] if method in marks else marks["GET" if method in SAFE_METHODS else "POST"]


def public(view: View) -> View:
    """A view for everybody, logged in or not."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = view(request, *args, **kwargs)
        return response

    opened.login_required = False  # type: ignore[attr-defined]  # what LoginRequiredMiddleware looks at
    opened.public = True  # type: ignore[attr-defined]
    return opened


def rights_in_pages(request: HttpRequest) -> Mapping[str, Any]:
    """Context processor: ``may``, the rights of whoever reads the page (``{% if "deploy" in may %}``)."""
    return {"may": request_rights(request)}
