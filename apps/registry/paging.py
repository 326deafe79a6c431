"""A page of a long table, asked by ``?page=`` in the address."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

M = TypeVar("M", bound=Model)

SIZE = 50


@dataclass(frozen=True, slots=True)
class TablePage(Generic[M]):
    """Some rows of a table.

    Attributes:
        rows: in the order of the table.
        number: of the page, from 1; the last one where a page beyond it was asked.
        pages: how many there are, at least 1.
        notices: what of the address could not be understood, in words.
    """

    rows: list[M]
    number: int
    pages: int
    notices: tuple[str, ...]

    @property
    def previous(self) -> str:
        """Address of the page before, or nothing."""
        return f"?page={self.number - 1}" if self.number > 1 else ""

    @property
    def next(self) -> str:
        """Address of the page after, or nothing."""
        return f"?page={self.number + 1}" if self.number < self.pages else ""


def asked_page(request: HttpRequest) -> tuple[int, tuple[str, ...]]:
    """The page that an address asks for, and what is to be said where it makes no sense."""
    asked = request.GET.get("page") or "1"
    page = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 0
    if page >= 1:
        return page, ()
    return 1, (gettext("There is no page “{name}”: this is the first one.").format(name=asked[:40]),)


def beyond(asked: int, last: int) -> str:
    """What is said to who asks for a page beyond the last one."""
    return gettext("There is no page {asked}: this is the last one, {page}.").format(asked=asked, page=last)


def table_page(request: HttpRequest, found: QuerySet[M]) -> TablePage[M]:
    """The page of ``found`` that the address asks for. Two queries."""
    asked, notices = asked_page(request)
    pages = Paginator(found, SIZE)
    page = pages.page(min(asked, pages.num_pages))
    if asked > pages.num_pages:
        notices = (*notices, beyond(asked, pages.num_pages))
    return TablePage(list(page.object_list), page.number, pages.num_pages, notices)
