"""How much one person may ask in a minute, whichever process answers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.accounts import api
from apps.accounts.limits import Limiter
from apps.accounts.models import ApiUse
from apps.accounts.rights import Right
from future_skills.errors import TooManyRequestsError

pytestmark = pytest.mark.django_db

MOST = 160
NOON = 60.0 * 30_000_000


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(settings: Any) -> Clock:
    settings.FUTURE_SKILLS_REQUESTS_PER_MINUTE = MOST
    return Clock()


def answered(limiter: Limiter, name: str, requests: int) -> int:
    """How many of so many requests are answered."""
    done = 0
    for _ in range(requests):
        try:
            limiter.count(name)
        except TooManyRequestsError:
            continue
        done += 1
    return done


def test_one_request_too_many_is_refused_until_the_next_minute(clock: Clock) -> None:
    limiter = Limiter(clock)
    clock.now += 20.5
    assert answered(limiter, "olivier", MOST) == MOST
    with pytest.raises(TooManyRequestsError) as refusal:
        limiter.count("olivier")
    assert refusal.value.details == {"name": "olivier", "most": MOST, "seconds": 40}
    assert answered(limiter, "odile", MOST) == MOST
    clock.now += 39.5
    assert answered(limiter, "olivier", MOST + 5) == MOST


def test_two_processes_count_together(clock: Clock) -> None:
    processes = [Limiter(clock, process=name) for name in ("a", "b")]
    done = 0
    for _ in range(30):
        clock.now += 1
        done += sum(answered(limiter, "olivier", 10) for limiter in processes)
    assert MOST <= done <= MOST + 2 * 10  # what both answered in the second before they knew of each other's last ones
    assert sum(answered(limiter, "olivier", 10) for limiter in processes) == 0
    clock.now += 60
    assert answered(processes[0], "olivier", MOST) == MOST


def test_who_asks_little_costs_no_query(clock: Clock, django_assert_num_queries: Any) -> None:
    limiter = Limiter(clock)
    with django_assert_num_queries(0):
        assert answered(limiter, "olivier", MOST // 16) == MOST // 16


def test_the_counts_of_past_minutes_are_removed(clock: Clock) -> None:
    limiter = Limiter(clock)
    for _ in range(4):
        answered(limiter, "olivier", MOST)
        clock.now += 60
    assert {use.minute for use in ApiUse.objects.all()} == {NOON // 60 + 2, NOON // 60 + 3}


def test_the_api_answers_429_and_says_when_to_ask_again(
    person: Callable[..., User], token: Callable[..., str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now += 15
    monkeypatch.setattr(api, "LIMITER", Limiter(clock))
    person("olivier", "operator")
    clients = [Client(headers={"authorization": f"Bearer {token('olivier', Right.READ)}"}) for _ in range(2)]
    statuses = [clients[number % 2].get("/api/v1/me").status_code for number in range(MOST + 2)]
    assert (statuses[:MOST], statuses[MOST:]) == ([200] * MOST, [429, 429])
    response = clients[0].get("/api/v1/versions", headers={"accept-language": "en"})
    problem = response.json()
    assert (response.status_code, response.headers["Content-Type"]) == (429, "application/problem+json")
    assert response.headers["Retry-After"] == "45"
    assert (problem["code"], problem["title"]) == ("too_many_requests", "Too many requests")
    assert problem["detail"] == f"olivier has asked more than {MOST} times in this minute. Ask again in 45 s."
    clock.now += 45
    assert clients[0].get("/api/v1/me").status_code == 200
