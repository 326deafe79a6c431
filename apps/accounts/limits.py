"""How much one person may ask of the API: so many requests a minute, whichever process answers and with whatever token.

Each process counts for itself, and has nothing to ask of the database while somebody asks little. Who has asked a process
more than ``ALONE`` of the limit in this minute is counted together: the process writes its own count, and reads those of the
others, at most once a second. So the limit is exact but for what the processes answer within that second, and for what each
of them answers before it begins to share; it is never lower than what is set.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from django.conf import settings
from django.db.models import Sum

from apps.accounts.models import ApiUse
from future_skills.errors import TooManyRequestsError

ALONE: Final = 1 / 16
"""Share of the limit that a process answers before it asks what the others have."""

SHARE_EVERY: Final = 1.0
"""Seconds between two times that a process shares one person's count."""

WINDOW: Final = 60
"""Seconds in which requests are counted: a minute by the clock."""


@dataclass(slots=True)
class _Use:
    """What one person asked in one minute.

    Attributes:
        own: requests of this process.
        others: requests of the other processes, when they were last read.
        shared_at: when that was.
    """

    minute: int
    own: int = 0
    others: int = 0
    shared_at: float = 0.0


class Limiter:
    """What a process knows of everybody's requests. Threads share it.

    Args:
        clock: seconds since 1970.
        process: how its rows are told from those of other processes; by default machine and number.
    """

    def __init__(self, clock: Callable[[], float] = time.time, process: str = "") -> None:
        self._clock = clock
        self._process = process
        self._uses: dict[str, _Use] = {}
        self._turn = Lock()

    def count(self, name: str) -> None:
        """Count a request.

        Args:
            name: user name of whoever asks.

        Raises:
            TooManyRequestsError: it is one too many.
        """
        now, most = self._clock(), settings.FUTURE_SKILLS_REQUESTS_PER_MINUTE
        minute = int(now // WINDOW)
        with self._turn:
            use = self._uses.get(name)
            if use is None or use.minute != minute:
                use = self._uses[name] = _Use(minute)
            use.own += 1
            share = use.own > most * ALONE and now - use.shared_at >= SHARE_EVERY
            if share:
                use.shared_at = now  # the threads that come meanwhile go on with what is known
        if share:
            use.others = self._share(name, use)
        if use.own + use.others > most:
            raise TooManyRequestsError(name=name, most=most, seconds=WINDOW - int(now % WINDOW))

    def _share(self, name: str, use: _Use) -> int:
        """Write what this process counted; what the others did."""
        process = self._process or f"{socket.gethostname()}:{os.getpid()}"  # asked now: a process may have been forked
        ApiUse.objects.filter(minute__lt=use.minute - 1).delete()
        ApiUse.objects.bulk_create(
            [ApiUse(name=name, minute=use.minute, process=process, requests=use.own)],
            update_conflicts=True,
            unique_fields=["minute", "name", "process"],
            update_fields=["requests"],
        )
        others = ApiUse.objects.filter(name=name, minute=use.minute).exclude(process=process)
        return int(others.aggregate(total=Sum("requests"))["total"] or 0)


LIMITER: Final = Limiter()
"""What this process has counted."""
