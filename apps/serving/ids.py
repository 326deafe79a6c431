"""Identifiers of predictions: UUIDs of version 7, so that their order is that of time, and known before anything is written.

A request has one, and each of its answers the same with its place in the request added, from 1:

    48 bits   milliseconds since 1970
     4 bits   7, the version
    12 bits   microseconds, so that the requests of one process follow one another within a millisecond too
     2 bits   the variant
    48 bits   random
    14 bits   place in the request; 0 for the request itself
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

PLACE_BITS: Final = 14
MOST_ANSWERS: Final = (1 << PLACE_BITS) - 1
"""Answers that one request can have."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST: Final = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND


def new_request_id(at: datetime) -> UUID:
    """An identifier that nobody else makes, for a request answered at a moment."""
    time, rest = divmod(at - _EPOCH, _MILLISECOND)
    return UUID(int=time << 80 | 0x7 << 76 | rest.microseconds << 64 | 0b10 << 62 | secrets.randbits(48) << PLACE_BITS)


def answer_id(request: UUID, place: int) -> UUID:
    """The identifier of one of a request's answers.

    Args:
        request: as ``new_request_id`` makes them.
        place: of its row in the request, from 0.
    """
    return UUID(int=request.int + 1 + place)


def first_id(moment: datetime) -> UUID:
    """The lowest identifier of an answer given at a moment or later: what bounds a stretch of the log."""
    return UUID(int=max(0, -((_EPOCH - moment) // _MILLISECOND)) << 80)


def moment_of(identifier: UUID) -> datetime:
    """When a request was answered, to the millisecond, as its identifier says; the end of the calendar at the latest."""
    return _EPOCH + min(identifier.int >> 80, _LAST) * _MILLISECOND
