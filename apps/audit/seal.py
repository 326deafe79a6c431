"""What an event's hash is made of: one canonical form, the same before and after it went through either database."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from future_skills.errors import UsageError, translatable

GENESIS_HASH: Final = "0" * 64
"""What the first event follows."""

WRITTEN_WITH_EXPONENT: Final = 1e16
"""From here on Python writes floats with an exponent, and PostgreSQL gives them back as whole numbers."""

_HEAD: Final = re.compile(r"(?P<hash>[0-9a-f]{64}):(?P<sequence>[0-9]{1,18})")

_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain, which stands for every event up to it. Written ``HASH:SEQUENCE``.

    Attributes:
        sequence: place of the last event; 0 for an empty log.
        hash: its hash.
    """

    sequence: int
    hash: str

    @classmethod
    def of(cls, text: str) -> "Head":
        """A head as it was written.

        Raises:
            UsageError: it is none.
        """
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise UsageError(
                translatable("“{text}” is not the head of an audit log."),
                hint=translatable(
                    "A head is written HASH:SEQUENCE; “manage.py verify_audit_log --export-head FILE” makes one."
                ),
                text=text.strip()[:80],
            )
        return cls(int(found["sequence"]), found["hash"])

    def __str__(self) -> str:
        return f"{self.hash}:{self.sequence}"


def seal(
    *,
    sequence: int,
    at: str,
    actor: str,
    actor_source: str,
    action: str,
    object_type: str,
    object_id: str,
    details: Any,
    previous_hash: str,
) -> str:
    """Sha256 (hexadecimal) of an event's canonical JSON: every field but the hash itself.

    Args:
        sequence: its place, from 1.
        at: when, in UTC, with microseconds: ``2026-03-03T09:00:00.123000+00:00``.
        actor: who.
        actor_source: how we know it.
        action: what was done.
        object_type: to what kind of thing.
        object_id: to which one.
        details: as ``normal_details`` makes them.
        previous_hash: hash of the event before, ``GENESIS_HASH`` for the first.

    Raises:
        UnicodeEncodeError: a text holds what is no character; ``storable`` would have refused it.
    """
    canonical = _CANONICAL.encode(
        {
            "sequence": sequence,
            "at": at,
            "actor": actor,
            "actor_source": actor_source,
            "action": action,
            "object_type": object_type,
            "object_id": object_id,
            "details": details,
            "previous_hash": previous_hash,
        }
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def storable(text: str) -> str:
    """The text itself, once both databases can keep it.

    Raises:
        UsageError: it holds a NUL character (PostgreSQL refuses it) or half of a character (no encoding has it).
    """
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(
            translatable(
                "“{text}” cannot be kept in the audit log: it holds a NUL character, or bytes that are not UTF-8."
            ),
            text=text[:80].encode("unicode_escape").decode(),
        )
    return text


def normal_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Details as both databases give them back: JSON values only, keys in order, no number that changes its form.

    A float that Python writes with an exponent becomes the whole number it is (1e22: 10000000000000000000000), for
    PostgreSQL gives that back; minus zero becomes zero. ``1.0`` and ``1`` stay two things.

    Raises:
        UsageError: a number that JSON does not have (NaN, infinity, more than 4 300 digits), or a text that is not ``storable``.
        TypeError: a value that is no JSON (the caller's mistake).
    """
    try:
        plain = json.loads(json.dumps(dict(details), allow_nan=False))
    except ValueError as error:
        raise UsageError(
            translatable("The audit log cannot keep a number that is infinite, undefined or too long: {problem}."),
            problem=str(error),
        ) from error
    return {key: _normal(value) for key, value in _ordered(plain)}


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(each) for key, each in _ordered(value)}
    if isinstance(value, list):
        return [_normal(each) for each in value]
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return int(value) if abs(value) >= WRITTEN_WITH_EXPONENT else value or 0.0
    return value


def _ordered(value: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted((storable(key), each) for key, each in value.items())
