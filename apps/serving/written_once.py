"""Rows that say what was said: nobody changes them."""

from typing import Any

from django.db import models


class WrittenOnce(models.Model):
    """A row that is written once."""

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Refused where the row is there already."""
        if not self._state.adding:
            message = f"{type(self).__name__}: a row that was written is never changed."
            raise TypeError(message)
        super().save(**options | {"force_insert": True})
