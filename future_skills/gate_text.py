"""Criteria in plain words, in French and in English: what HR reads of a check, and the first sentence of a report."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from future_skills import formatting as fmt
from future_skills.formatting import THIN, Language
from future_skills.gates import Check, Evidence, Lock, Value, Verdict

VERDICTS: Final[dict[Language, dict[Verdict, str]]] = {
    "fr": {
        Verdict.PROMOTABLE: "PROMOUVABLE",
        Verdict.INCONCLUSIVE: "NON CONCLUANT",
        Verdict.REFUSED: "REFUSÉ",
        Verdict.WAITING: "EN ATTENTE",
    },
    "en": {
        Verdict.PROMOTABLE: "PROMOTABLE",
        Verdict.INCONCLUSIVE: "INCONCLUSIVE",
        Verdict.REFUSED: "REFUSED",
        Verdict.WAITING: "WAITING",
    },
}
"""A verdict as a headline."""

SIGNS: Final = {Verdict.PROMOTABLE: "✓", Verdict.INCONCLUSIVE: "?", Verdict.REFUSED: "✕", Verdict.WAITING: "…"}

LOCKS: Final[dict[Language, dict[Lock, str]]] = {
    "fr": {
        "written": "La règle écrite",
        "second": "Le second verrou (statistique)",
        "people": "Ce que des personnes décident",
        "target": "Pour information (ne bloque pas)",
    },
    "en": {
        "written": "The written rule",
        "second": "The second lock (statistical)",
        "people": "What people decide",
        "target": "For information (blocks nothing)",
    },
}

_LEVELS: Final[dict[Language, dict[str, str]]] = {
    "fr": {"LOW": "Faible", "MEDIUM": "Moyen", "HIGH": "Élevé"},
    "en": {"LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"},
}
_METRICS: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "accuracy": "exactitude",
        "f1_weighted": "F1 pondéré",
        "f1_macro": "F1 macro",
        "severe_error_rate": "erreurs graves",
        "brier": "score de Brier",
        "calibration_error": "erreur de calibration",
        "emergence": "émergence",
        "precision": "précision",
    },
    "en": {
        "accuracy": "accuracy",
        "f1_weighted": "weighted F1",
        "f1_macro": "macro F1",
        "severe_error_rate": "severe errors",
        "brier": "Brier score",
        "calibration_error": "calibration error",
        "emergence": "emergence",
        "precision": "precision",
    },
}
TEAMS: Final[dict[Language, dict[str, str]]] = {
    "fr": {"data": "l’équipe Data", "drh": "la DRH"},
    "en": {"data": "the Data team", "drh": "the DRH"},
}
"""A team inside a sentence."""

_BASELINES: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "persistence": "« comme aujourd’hui »",
        "rules": "« règles écrites »",
        "majority": "« niveau le plus fréquent »",
    },
    "en": {"persistence": "“same as today”", "rules": "the written rules", "majority": "the most frequent level"},
}
COUNCIL: Final[dict[Language, dict[str | None, str]]] = {
    "fr": {
        None: "rien n’est enregistré",
        "not_required": "non requis",
        "informed": "informé",
        "consulted": "consulté",
        "opinion_given": "avis rendu",
    },
    "en": {
        None: "nothing is recorded",
        "not_required": "not required",
        "informed": "informed",
        "consulted": "consulted",
        "opinion_given": "opinion given",
    },
}
"""What was done with the works council."""


_NAMES: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "report": "Rapport à jour",
        "previous": "Au moins aussi bonne que la version précédente",
        "precision": "Précision {level}",
        "sample": "Échantillon de validation manuel",
        "later_rows": "Test plus récent que l’entraînement",
        "unseen_rows": "Lignes de test jamais apprises",
        "comparable": "Comparable à {name}",
        "not_worse": "Pas moins bonne que {name} : {metric}",
        "emergence": "Émergence mieux que le hasard",
        "floor": "Précision {level} assurée",
        "approval": "Approbation : {team}",
        "works_council": "CSE informé ou consulté",
        "target": "Cible : {metric}",
    },
    "en": {
        "report": "Up-to-date report",
        "previous": "At least as good as the previous version",
        "precision": "Precision of {level}",
        "sample": "Manual validation sample",
        "later_rows": "Test later than training",
        "unseen_rows": "Test rows never trained on",
        "comparable": "Can be compared with {name}",
        "not_worse": "Not worse than {name}: {metric}",
        "emergence": "Emergence better than chance",
        "floor": "Precision of {level}, assured",
        "approval": "Approval: {team}",
        "works_council": "Works council informed or consulted",
        "target": "Target: {metric}",
    },
}


@dataclass(frozen=True, slots=True)
class CheckText:
    """A check as it is read: every part is a text in one language."""

    name: str
    observed: str
    required: str
    reason: str


def check_text(check: Check, language: Language) -> CheckText:
    """The words of a check."""
    words = _Words(check, language)
    observed, required, reason = _WRITERS[check.kind](words)
    return CheckText(
        words.name(), _typeset(observed, language), _typeset(required, language), _typeset(reason, language)
    )


def verdict_text(verdict: Verdict, language: Language) -> str:
    """Sign and word: ``✓ PROMOUVABLE``."""
    return f"{SIGNS[verdict]} {VERDICTS[language][verdict]}"


def headline(version: str, verdict: Verdict, failing: Iterable[Check], language: Language) -> str:
    """The one sentence that answers: is this version promotable, and if not, what keeps it.

    Args:
        version: its name.
        verdict: of everything.
        failing: the checks that keep it from production; those of this verdict are named.
        language: of the sentence.
    """
    kept = list(failing)
    names = [check_text(check, language).name for check in kept if check.verdict is verdict]
    others = len(kept) - len(names)
    first = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    count, plural = len(names), "s" if len(names) > 1 else ""
    if language == "fr":
        rest = f" ; {others} autre{'s' if others > 1 else ''} en suspens" if others else ""
        sentences = {
            Verdict.PROMOTABLE: f"{version} est promouvable : tous les critères sont remplis.",
            Verdict.REFUSED: f"{version} n’est pas promouvable : {count} critère{plural} non rempli{plural} ({first}){rest}.",
            Verdict.INCONCLUSIVE: f"On ne peut pas conclure pour {version} : {count} critère{plural} à trancher ({first}){rest}.",
            Verdict.WAITING: f"{version} attend encore : {first}.",
        }
    else:
        rest = f"; {others} other{'s' if others > 1 else ''} open" if others else ""
        word = "criteria" if count > 1 else "criterion"
        sentences = {
            Verdict.PROMOTABLE: f"{version} is promotable: every criterion is met.",
            Verdict.REFUSED: f"{version} is not promotable: {count} {word} not met ({first}){rest}.",
            Verdict.INCONCLUSIVE: f"{version} is inconclusive: {count} {word} to settle ({first}){rest}.",
            Verdict.WAITING: f"{version} still waits for: {first}.",
        }
    return _typeset(sentences[verdict], language)


def chance_sentence(evidence: Evidence, language: Language) -> str:
    """How likely it is that the version is as good as the previous one, within the margin; empty where nobody can tell."""
    for reference in ("champion", "persistence"):
        facts = evidence.references.get(reference)
        if facts is not None and facts.chance is not None:
            name = _BASELINES[language].get(facts.name, facts.name)
            points = fmt.decimal(100 * evidence.policy.second_lock.margins.accuracy, language, 1).removesuffix(",0")
            points = points.removesuffix(".0")
            times = fmt.times_in_hundred(facts.chance)
            if language == "fr":
                return _typeset(
                    f"{times} chances sur 100 que {evidence.version} soit au moins équivalente à {name}, à {points} points "
                    f"d’exactitude près (n\u00a0=\u00a0{fmt.integer(facts.rows, language)}).",
                    language,
                )
            return (
                f"{times} chances out of 100 that {evidence.version} is at least as good as {name}, to within {points} points "
                f"of accuracy (n\u00a0=\u00a0{fmt.integer(facts.rows, language)})."
            )
    return ""


def uses_sentence(evidence: Evidence, language: Language) -> str:
    """How often these test rows have served to decide: the more often, the less they prove."""
    uses, rows = evidence.test.uses + 1, fmt.integer(evidence.test.rows, language)
    if language == "fr":
        often = "pour la première fois" if uses == 1 else f"pour la {uses}e fois"
        return _typeset(f"Ces {rows} lignes de test servent à décider {often}.", language)
    often = "for the first time" if uses == 1 else f"for the {uses}{_ordinal(uses)} time"
    return f"These {rows} test rows serve to decide {often}."


def _ordinal(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _typeset(text: str, language: Language) -> str:
    """French spaces before ``: ; ! ? %`` and inside « »."""
    if language != "fr":
        return text
    for mark in ";!?%":
        text = text.replace(f" {mark}", f"{THIN}{mark}")
    return text.replace(" :", "\u00a0:").replace("« ", "«\u00a0").replace(" »", "\u00a0»")


# --- One writer a kind of check: what was observed, what was required, why ----------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Words:
    """A check's facts, as texts of one language."""

    check: Check
    language: Language

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.check.facts

    @property
    def french(self) -> bool:
        return self.language == "fr"

    def say(self, french: str, english: str, **values: object) -> str:
        return (french if self.french else english).format(**values)

    def percent(self, value: Value, digits: int = 1) -> str:
        return fmt.percent(value if isinstance(value, int | float) else None, self.language, digits)

    def number(self, value: Value, digits: int = 3) -> str:
        return fmt.decimal(value if isinstance(value, int | float) else None, self.language, digits)

    def whole(self, value: Value) -> str:
        return fmt.integer(value if isinstance(value, int | float) else None, self.language)

    def level(self) -> str:
        return _LEVELS[self.language][self.facts["level"]]

    def reference(self, key: str = "name") -> str:
        name = str(self.facts[key])
        return _BASELINES[self.language].get(name, name)

    def name(self) -> str:
        found = {}
        if self.facts.get("level"):
            found["level"] = self.level()
        if "name" in self.facts:
            found["name"] = self.reference()
        if "team" in self.facts:
            found["team"] = TEAMS[self.language][self.facts["team"]]
        metric = self.facts.get("metric") or self.facts.get("measure")
        if metric:
            found["metric"] = _METRICS[self.language][metric] + (f" {self.level()}" if self.facts.get("level") else "")
        return _typeset(_NAMES[self.language][self.check.kind].format(**found), self.language)


Texts = tuple[str, str, str]


def _report(words: _Words) -> Texts:
    return (
        fmt.UNKNOWN,
        words.say("un rapport à jour", "an up-to-date report"),
        words.say(
            "Rien n’est évalué, ou ce dont le rapport dépend a changé (version en production, politique, échantillon).",
            "The version was not evaluated, or what its report stands on has changed (live version, policy, sample).",
        ),
    )


def _previous(words: _Words) -> Texts:
    check, facts = words.check, words.facts
    name = words.reference("reference")
    required = words.say(
        "exactitude ≥ {value}, ou F1 pondéré gagné > {gain}",
        "accuracy ≥ {value}, or weighted F1 gain > {gain}",
        value=words.percent(check.required),
        gain=words.number(facts["gain_required"], 2),
    )
    if check.observed is None:
        reason = words.say(
            "{name} n’a pas pu être évaluée sur les mêmes lignes : {why}.",
            "{name} could not be scored on the same rows: {why}.",
            name=name,
            why=facts.get("refusal") or words.say("raison inconnue", "reason unknown"),
        )
        return fmt.UNKNOWN, required, reason
    observed = words.say(
        "{value} ; gain de F1 {gain}",
        "{value}; F1 gain {gain}",
        value=words.percent(check.observed),
        gain=fmt.signed(facts["gain"], words.language),
    )
    rows = words.whole(facts["rows"])
    if facts["first"]:
        reason = words.say(
            "Première version, sans précédente : comparée à la référence {name} ({value}) sur les mêmes {rows} lignes.",
            "First version, without a previous one: compared with {name} ({value}) on the same {rows} rows.",
            name=name,
            value=words.percent(check.required),
            rows=rows,
        )
    else:
        reason = words.say(
            "Sur les mêmes {rows} lignes, {name} a {value} d’exactitude.",
            "On the same {rows} rows, {name} has an accuracy of {value}.",
            name=name,
            value=words.percent(check.required),
            rows=rows,
        )
    return observed, required, reason


def _precision(words: _Words) -> Texts:
    check, predicted = words.check, words.facts["predicted"]
    required = words.say("≥ {value}", "≥ {value}", value=words.percent(check.required, 0))
    if check.observed is None:
        return (
            fmt.UNKNOWN,
            required,
            words.say(
                "La version n’annonce jamais {level} : sa précision ne peut pas être mesurée.",
                "The version never says {level}: its precision cannot be measured.",
                level=words.level(),
            ),
        )
    reason = words.say(
        "Quand la version dit {level}, elle a raison {times} fois sur 100 ({n} lignes).",
        "When the version says {level}, it is right {times} times out of 100 ({n} rows).",
        level=words.level(),
        times=fmt.times_in_hundred(float(check.observed)),
        n=words.whole(predicted),
    )
    return words.percent(check.observed), required, reason


def _sample(words: _Words) -> Texts:
    check, facts = words.check, words.facts
    required = words.say(
        "borne basse de l’accord ≥ {value}, {rows} lignes jugées au moins",
        "lower bound of the agreement ≥ {value}, {rows} rows judged at least",
        value=words.percent(check.required, 0),
        rows=words.whole(facts["minimum_size"]),
    )
    state = facts["state"]
    if state == "none":
        return fmt.UNKNOWN, required, words.say("Aucun échantillon n’est tiré.", "No sample was drawn.")
    if state == "open":
        return (
            fmt.UNKNOWN,
            required,
            words.say(
                "L’échantillon de {size} lignes n’est pas encore entièrement étiqueté.",
                "The sample of {size} rows is not wholly labelled yet.",
                size=words.whole(facts["size"]),
            ),
        )
    again = ""
    if facts["drawn"] > 1:
        again = words.say(
            " {n} échantillons ont été tirés pour cette version.",
            " {n} samples were drawn for this version.",
            n=words.whole(facts["drawn"]),
        )
    if state == "too_small":
        return (
            words.percent(check.observed),
            required,
            words.say(
                "Seules {n} lignes sur {size} ont pu être jugées.",
                "Only {n} rows out of {size} could be judged.",
                n=words.whole(facts["labelled"]),
                size=words.whole(facts["size"]),
            )
            + again,
        )
    observed = f"{words.percent(check.observed)} ({_ends(words, facts)})"
    reason = words.say(
        "Des personnes qui ne voyaient pas les prédictions sont d’accord avec elles {times} fois sur 100 ({n} lignes jugées).",
        "People who did not see the predictions agree with them {times} times out of 100 ({n} rows judged).",
        times=fmt.times_in_hundred(float(check.observed or 0)),
        n=words.whole(facts["labelled"]),
    )
    return observed, required, reason + again


def _later(words: _Words) -> Texts:
    required = words.say("un découpage par le temps", "a split by time")
    if words.check.verdict is Verdict.PROMOTABLE:
        period = fmt.period(str(words.check.observed), words.language)
        return period, required, words.say("Testée sur {period}.", "Tested on {period}.", period=period)
    return (
        str(words.check.observed),
        required,
        words.say(
            "Le test n’est pas plus récent que l’entraînement : rien ne dit ce que la version vaudra plus tard.",
            "The test rows are not later than the training rows: nothing says what the version will be worth later.",
        ),
    )


def _unseen(words: _Words) -> Texts:
    facts = words.facts
    reason = words.say("Personne n’a appris sur ces lignes.", "Nobody trained on these rows.")
    if facts["unknown"]:
        reason = words.say(
            "On ne sait pas sur quelles lignes {names} a appris.",
            "Nobody knows on which rows {names} trained.",
            names=facts["unknown"],
        )
    if facts["names"]:
        reason = words.say(
            "Lignes de test apprises, par version : {names}. La comparaison serait faussée.",
            "Test rows trained on, by version: {names}. The comparison would be unfair.",
            names=facts["names"],
        )
    return words.whole(words.check.observed), "0", reason


def _comparable(words: _Words) -> Texts:
    return (
        fmt.UNKNOWN,
        words.say("les mêmes lignes", "the same rows"),
        words.say(
            "La comparaison avec {name} est impossible : {why}.",
            "It cannot be compared with {name}: {why}.",
            name=words.reference(),
            why=words.facts["refusal"] or "—",
        ),
    )


def _not_worse(words: _Words) -> Texts:
    check, facts = words.check, words.facts
    points = facts["metric"] in {"accuracy", "severe_error_rate"}
    shown: Callable[[Value], str] = (
        (lambda value: fmt.signed_points(value if isinstance(value, int | float) else None, words.language))
        if points
        else (lambda value: fmt.signed(value if isinstance(value, int | float) else None, words.language))
    )
    smaller = isinstance(check.required, int | float) and check.required > 0
    required = ("< " if smaller else "> ") + shown(check.required)
    if facts["low"] is None:
        return (
            shown(check.observed),
            required,
            words.say(
                "L’écart ne peut pas être mesuré sur ces lignes.", "The difference cannot be measured on these rows."
            ),
        )
    observed = words.say(
        "{value} ({low} à {high})",
        "{value} ({low} to {high})",
        value=shown(check.observed),
        low=shown(facts["low"]),
        high=shown(facts["high"]),
    )
    sentences = {
        Verdict.PROMOTABLE: words.say(
            "L’intervalle reste du bon côté de la marge.", "The interval stays on the right side of the margin."
        ),
        Verdict.REFUSED: words.say(
            "Tout l’intervalle est au-delà de la marge : moins bonne que {name}.",
            "The whole interval is beyond the margin: worse than {name}.",
            name=words.reference(),
        ),
        Verdict.INCONCLUSIVE: words.say(
            "L’intervalle passe la marge : trop peu de lignes pour trancher.",
            "The interval crosses the margin: too few rows to tell.",
        ),
    }
    reason = sentences[check.verdict]
    if facts.get("chance") is not None:
        reason += words.say(
            " {times} chances sur 100 de ne pas être moins bonne, à la marge près.",
            " {times} chances out of 100 that it is not worse, to within the margin.",
            times=fmt.times_in_hundred(facts["chance"]),
        )
    if check.verdict is Verdict.INCONCLUSIVE and facts.get("rows_needed"):
        reason += words.say(
            " Il faudrait environ {n} lignes.", " About {n} rows would be needed.", n=words.whole(facts["rows_needed"])
        )
    return observed, required, reason


def _emergence(words: _Words) -> Texts:
    check, facts = words.check, words.facts
    if check.observed is None or facts["low"] is None:
        return (
            fmt.UNKNOWN,
            fmt.UNKNOWN,
            words.say(
                "Aucun besoin non élevé n’est devenu élevé dans le test : rien à mesurer.",
                "No need that was not high became high in the test: there is nothing to measure.",
            ),
        )
    observed = f"{words.percent(check.observed)} ({_ends(words, facts)})"
    reason = words.say(
        "Parmi les besoins pas encore élevés, {n} le sont devenus ; la version les classe {lift} fois mieux que le hasard.",
        "Among the needs not high yet, {n} became so; the version ranks them {lift} times better than chance.",
        n=words.whole(facts["emerged"]),
        lift=words.number(facts["lift"], 1),
    )
    return observed, f"> {words.percent(check.required)}", reason


def _floor(words: _Words) -> Texts:
    check, facts = words.check, words.facts
    required = words.say("borne basse ≥ {value}", "lower bound ≥ {value}", value=words.percent(check.required, 0))
    n = words.whole(facts["predicted"])
    if check.observed is None:
        return (
            fmt.UNKNOWN,
            required,
            words.say("La version n’annonce jamais {level}.", "The version never says {level}.", level=words.level()),
        )
    observed = f"{words.percent(check.observed)} ({_ends(words, facts)})"
    if facts["predicted"] < facts["minimum"]:
        reason = words.say(
            "{n} prédictions seulement : il en faut {minimum} pour conclure.",
            "Only {n} predictions: {minimum} are needed to conclude.",
            n=n,
            minimum=words.whole(facts["minimum"]),
        )
    else:
        reason = words.say(
            "{n} prédictions, qui en valent {effective} indépendantes : les métiers et les compétences se ressemblent.",
            "{n} predictions, worth {effective} independent ones: roles and skills resemble each other.",
            n=n,
            effective=words.whole(facts["n_effective"]),
        )
    return observed, required, reason


def _approval(words: _Words) -> Texts:
    team, by = TEAMS[words.language][words.facts["team"]], words.facts["by"]
    required = words.say("approuvée", "approved")
    decided = {
        "approve": words.say("approuvée par {by}", "approved by {by}", by=by),
        "reject": words.say("rejetée par {by}", "rejected by {by}", by=by),
    }
    observed = decided.get(str(words.check.observed), fmt.UNKNOWN)
    if words.check.observed is None:
        reason = words.say("{team} ne s’est pas prononcée.", "{team} has not decided.", team=team)
    else:
        reason = f"{observed}."
    return observed, required, reason[0].upper() + reason[1:]


def _works_council(words: _Words) -> Texts:
    states = COUNCIL[words.language]
    system, version = words.facts["system"], words.check.observed
    observed = words.say(
        "système : {system} ; version : {version}",
        "system: {system}; version: {version}",
        system=states[system],
        version=states[str(version) if version is not None else None],
    )
    reason = words.say(
        "L’information du CSE porte sur le système, puis est confirmée pour chaque version.",
        "The works council is informed of the system, then of each version.",
    )
    if not words.facts["blocks"]:
        reason += words.say(" Ne bloque pas dans cette politique.", " It does not block under this policy.")
    return observed, states[str(words.check.required)], reason


def _target(words: _Words) -> Texts:
    check = words.check
    points = words.facts["measure"] != "f1_weighted"
    shown = words.percent(check.observed) if points else words.number(check.observed)
    required = "> " + (words.percent(check.required, 0) if points else words.number(check.required, 2))
    met = (
        words.say("Atteinte.", "Met.")
        if check.verdict is Verdict.PROMOTABLE
        else words.say("Non atteinte.", "Not met.")
    )
    return shown, required, met


def _ends(words: _Words, facts: Mapping[str, Any]) -> str:
    return "–".join(fmt.decimal(100 * facts[end], words.language, 1) for end in ("low", "high"))


_WRITERS: Final[dict[str, Callable[[_Words], Texts]]] = {
    "report": _report,
    "previous": _previous,
    "precision": _precision,
    "sample": _sample,
    "later_rows": _later,
    "unseen_rows": _unseen,
    "comparable": _comparable,
    "not_worse": _not_worse,
    "emergence": _emergence,
    "floor": _floor,
    "approval": _approval,
    "works_council": _works_council,
    "target": _target,
}
