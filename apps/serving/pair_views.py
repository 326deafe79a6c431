"""The page of one pair: what production says of it, and what it would say of other values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.accounts.access import login_actor, needs
from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.serving import predictions
from apps.serving.answers import Answers
from apps.serving.facts import PAIR, TAKEN
from apps.serving.overrides.pages import DecidedPart
from apps.serving.reason_documents import ReasonsText
from apps.workforce.models import JobRole, Skill
from future_skills import schema
from future_skills.errors import DataError, ReasonsUnavailableError, UnknownPairError
from future_skills.formatting import language_of
from future_skills.reasons_text import FEATURE_NAMES, value_text

NAMES_OFFERED: Final = 500
"""Names that the browser completes while somebody types."""

LABELS: Final[Mapping[str, Any]] = {schema.ROLE: _("Job role"), schema.SKILL: _("Skill")}


@dataclass(slots=True)
class Field:
    """A field of the form.

    Attributes:
        name: of the column.
        label: on the page.
        typed: what was typed; kept when it is refused.
        known: the value in the facts, where there is one.
        error: why what was typed is refused.
        numeric: whether it holds a number.
    """

    name: str
    label: Any
    typed: str
    known: str = ""
    error: str = ""
    numeric: bool = False


@dataclass(slots=True)
class Asked:
    """What an address asks.

    Attributes:
        row: the pair, and the values that are not taken from its facts; None where no pair is named.
        errors: column -> why what was typed cannot be one of its values.
    """

    row: dict[str, Any] | None
    errors: dict[str, str] = field(default_factory=dict)


@needs(Right.READ)
@require_safe
def predict(request: HttpRequest) -> HttpResponse:
    """What production says of a pair; each answer is in the prediction log, as those of the API are."""
    typed = {name: request.GET.get(_short(name), "").strip()[: schema.NAME_MAX_LENGTH] for name in (*PAIR, *TAKEN)}
    asked = _asked(typed)
    context: dict[str, Any] = {"section": "campaigns"}
    error, status, known = "", 200, {}
    if asked.row is not None and not asked.errors:
        try:
            answers, no_reasons = _answered(asked.row, login_actor(request))
            context |= _said(answers, no_reasons)
            known = _known(asked.row)
        except DataError as refused:
            error, status = refused.explain(gettext), 422
        except UnknownPairError as refused:
            error, status = refused.explain(gettext), 422
    elif asked.errors:
        status = 422
    context |= {
        "pair": [Field(name, LABELS[name], typed[name]) for name in PAIR],
        "fields": [_field(name, typed[name], known.get(name), asked.errors.get(name, "")) for name in TAKEN],
        "role_names": list(JobRole.objects.values_list("name", flat=True)[:NAMES_OFFERED]),
        "skill_names": list(Skill.objects.values_list("name", flat=True)[:NAMES_OFFERED]),
        "what_if": bool(asked.errors) or (asked.row is not None and len(asked.row) > len(PAIR)),
        "error": error,
    }
    return render(request, "serving/predict.html", context, status=status)


def _short(name: str) -> str:
    """The name of a column in the address: ``role``, ``skill``, the others as they are."""
    return {schema.ROLE: "role", schema.SKILL: "skill"}.get(name, name)


def _asked(typed: Mapping[str, str]) -> Asked:
    """The row that was typed; an empty field is taken from the facts."""
    if not all(typed[name] for name in PAIR):
        return Asked(None)
    row: dict[str, Any] = {name: typed[name] for name in PAIR}
    errors = {}
    for name in TAKEN:
        if not typed[name]:
            continue
        if name in schema.CATEGORICAL_FEATURES:
            row[name] = typed[name]
            continue
        try:
            row[name] = float(typed[name].replace("\u202f", "").replace("\u00a0", "").replace(",", "."))
        except ValueError:
            errors[name] = gettext("It must be a number.")
    return Asked(row, errors)


def _answered(row: dict[str, Any], actor: Actor) -> tuple[Answers, str]:
    """What production says, and why; where it gives no reasons, why not."""
    try:
        return predictions.predict([row], actor=actor, reasons=True), ""
    except ReasonsUnavailableError as error:
        return predictions.predict([row], actor=actor), error.explain(gettext)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a pair in the facts; nothing where it has none."""
    facts = predictions.FACTS.now().complete([{name: row[name] for name in PAIR}], columns=())
    values = facts.values
    return {} if facts.periods[0] is None else dict(values[0])  # a single row comes as a mapping


def _field(name: str, typed: str, known: Any, error: str) -> Field:
    language = language_of(get_language())
    words = "" if known is None else value_text(name, known, language)
    return Field(name, FEATURE_NAMES[language][name], typed, words, error, name not in schema.CATEGORICAL_FEATURES)


def _said(answers: Answers, no_reasons: str) -> dict[str, Any]:
    """What the page shows of an answer."""
    (answer,) = answers.answers
    said = answer.said.prediction
    why = ReasonsText.of(answers.reasons[0], language_of(get_language())) if answers.reasons else None
    return {
        "answer": answer,
        "decided": DecidedPart.of(answer.said.role, answer.said.skill, f"prediction={answer.id}"),
        "said": said,
        "version": answers.version,
        "shares": list((said.probabilities or {}).items()),
        "warnings": [warning.explain(gettext) for warning in said.warnings],
        "why": why,
        "no_reasons": no_reasons,
    }
