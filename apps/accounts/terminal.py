"""Passwords in a terminal: typed without being shown, piped by a script, or made."""

import getpass
import secrets
import sys
from typing import Final

from django.utils.translation import gettext

from future_skills.errors import UsageError, translatable

PASSWORD_BYTES: Final = 12
"""96 random bits: 16 characters."""


def made_password() -> str:
    """A password that nobody chose."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def piped_password() -> str:
    """The first line of stdin.

    Raises:
        UsageError: there is none, or it is no text.
    """
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError(translatable("--password-stdin reads the password on stdin, and nothing is there."))
    return _text(password)


def typed_password(username: str, *, piped: bool) -> str:
    """The password of somebody, as they give it now.

    Raises:
        UsageError: nobody can type here, and nothing is piped; or it is no text.
    """
    if piped:
        return piped_password()
    if not sys.stdin.isatty():
        raise UsageError(
            translatable("The password of {name} must be typed, and this is no terminal."),
            hint=translatable("Pipe it in, with --password-stdin."),
            name=username,
        )
    return _text(getpass.getpass(gettext("Password of {name}: ").format(name=username)))


def _text(password: str) -> str:
    """The password; the refusal does not repeat it."""
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise UsageError(translatable("The password holds bytes that are not UTF-8 text."))
    return password
