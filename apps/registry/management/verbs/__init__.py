"""The verbs of ``manage.py registry``, by name, in the order of the help."""

from typing import Final

from apps.registry.management.verbs import artifacts, production, promotion, samples, versions
from apps.registry.management.verbs.base import Verb

_MODULES: Final = (versions, artifacts, samples, promotion, production)

VERBS: Final[dict[str, Verb]] = {verb.name: verb for module in _MODULES for verb in module.VERBS}
