"""Identifiers of predictions: UUIDs of version 7, in the order of time, and of rows."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from apps.serving.ids import MOST_ANSWERS, answer_id, first_id, moment_of, new_request_id
from apps.serving.predictions import MOST_ROWS

NOW = datetime(2026, 3, 4, 9, 5, 0, 123_456, tzinfo=UTC)


def test_an_identifier_is_a_uuid_of_version_7_and_says_its_moment_to_the_millisecond() -> None:
    request = new_request_id(NOW)
    for identifier in (request, answer_id(request, 0), answer_id(request, MOST_ROWS - 1)):
        assert (identifier.version, identifier.variant) == (7, RFC_4122)
        assert moment_of(identifier) == NOW.replace(microsecond=123_000)


def test_later_requests_have_larger_identifiers_and_so_have_later_rows_of_one_request() -> None:
    moments = [NOW + timedelta(microseconds=step) for step in (0, 1, 2, 543, 544, 1000, 10**9)]
    requests = [new_request_id(moment) for moment in moments]
    assert requests == sorted(requests)
    answers = [answer_id(request, place) for request in requests for place in range(3)]
    assert answers == sorted(answers)
    assert all(answer > request for request, answer in zip(requests, answers[::3], strict=True))


@pytest.mark.parametrize("microseconds", [-1000, -500, 0, 1, 999, 1000])
def test_the_first_identifier_of_a_moment_parts_what_was_answered_before_it(microseconds: int) -> None:
    bound = NOW.replace(microsecond=0)
    request = new_request_id(bound + timedelta(microseconds=microseconds))
    assert (answer_id(request, 0) >= first_id(bound)) == (microseconds >= 0) == (moment_of(request) >= bound)
    within = bound + timedelta(microseconds=1)  # moments of answers are whole milliseconds
    assert (answer_id(request, 0) >= first_id(within)) == (microseconds >= 1000) == (moment_of(request) >= within)


def test_before_1970_no_identifier_is_bounded() -> None:
    assert first_id(datetime(1900, 1, 1, tzinfo=UTC)) == UUID(int=0)


def test_no_two_requests_of_one_instant_have_the_same_answers() -> None:
    assert MOST_ROWS <= MOST_ANSWERS
    requests = {new_request_id(NOW) for _ in range(1000)}
    assert len(requests) == 1000
    assert len({request.int >> 14 for request in requests}) == 1000


@pytest.mark.parametrize("text", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"])
def test_any_identifier_has_a_moment_within_the_calendar(text: str) -> None:
    assert 1970 <= moment_of(UUID(text)).year <= 9999
