"""What the pages of production say: what is live, what was, and what a switch will do before anybody decides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from django.utils import timezone
from django.utils.translation import gettext

from apps.registry.models import Approval, Deployment, GateReport, ModelVersion, Suspension
from apps.registry.pages import language
from apps.registry.standing import Standing
from future_skills import formatting as fmt
from future_skills.gate_text import headline
from future_skills.lifecycle import Stage


def _moment(at: datetime | None) -> str:
    return fmt.moment(at and timezone.localtime(at), language())


# --- Now, and then ------------------------------------------------------------------------------------------------------
def live_sentence(live: Deployment | None, suspension: Suspension | None) -> str:
    """What answers predictions now."""
    if live is None:
        return gettext("No version is in production: no prediction can be answered.")
    facts = {"version": live.version.name, "since": _moment(live.started_at), "name": live.started_by}
    if suspension is not None:
        return gettext(
            "Predictions have been suspended since {since} by {name}: {reason} {version} stays in production, and answers "
            "again as soon as somebody resumes."
        ).format(
            version=live.version.name,
            since=_moment(suspension.started_at),
            name=suspension.started_by,
            reason=_ended(suspension.reason),
        )
    if live.kind == Deployment.Kind.PIN:
        return gettext("{version} has been in production since {since}, pinned by the configuration.").format(**facts)
    return gettext("{version} has been in production since {since}, put there by {name}.").format(**facts)


def then_sentence(at: datetime, then: Deployment | None, suspension: Suspension | None) -> str:
    """What answered predictions at a moment."""
    if then is None:
        return gettext("On {moment}, no version was in production.").format(moment=_moment(at))
    template = (
        gettext("On {moment}, {version} was in production: put there by {name} on {start}, until {end}.")
        if then.ended_at
        else gettext("On {moment}, {version} was in production: put there by {name} on {start}, and it still is.")
    )
    said = template.format(
        moment=_moment(at),
        version=then.version.name,
        name=then.started_by,
        start=_moment(then.started_at),
        end=_moment(then.ended_at),
    )
    if suspension is None:
        return said
    return f"{said} " + gettext("Predictions were suspended at that moment, by {name}: {reason}").format(
        name=suspension.started_by, reason=_ended(suspension.reason)
    )


def _ended(text: str) -> str:
    """A text that ends as a sentence does."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


# --- The timeline -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Span:
    """A line of the timeline: a version in production, or predictions suspended.

    Attributes:
        what: the version; None for a suspension.
        start: when it began.
        end: when it ended; None where it has not.
        how: what began it, in words.
        who: who began it.
        ended_by: who ended it, where that is known beside the line above.
        why: the reason given, or nothing.
        report: the gate report it stands on.
    """

    what: ModelVersion | None
    start: datetime
    end: datetime | None
    how: str
    who: str
    ended_by: str
    why: str
    report: GateReport | None


def spans(deployments: Sequence[Deployment], suspensions: Sequence[Suspension]) -> list[Span]:
    """Both kinds of line, newest first."""
    how = {
        Deployment.Kind.DEPLOY.value: gettext("put into production"),
        Deployment.Kind.ROLLBACK.value: gettext("rollback"),
        Deployment.Kind.PIN.value: gettext("pinned by the configuration"),
    }
    lines = [
        Span(one.version, one.started_at, one.ended_at, how[one.kind], one.started_by, "", one.reason, one.report)
        for one in deployments
    ]
    lines += [
        Span(
            None,
            one.started_at,
            one.ended_at,
            gettext("predictions suspended"),
            one.started_by,
            one.ended_by,
            one.reason,
            None,
        )
        for one in suspensions
    ]
    return sorted(lines, key=attrgetter("start"), reverse=True)


# --- Before a switch ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a page says before it asks for the button.

    Attributes:
        title: the act, as a verb with its object; the button has the same words.
        answer: what will be so afterwards.
        points: (question, answer) of what happens, to whom, and how it is undone.
        refusal: why it cannot be done now; the page then has no button.
    """

    title: str
    answer: str
    points: tuple[tuple[str, str], ...] = ()
    refusal: str = ""


def deploying(standing: Standing, live: Deployment | None, suspension: Suspension | None) -> Confirmation:
    """Before a version goes into production."""
    name = standing.version.name
    title = gettext("Put {version} into production").format(version=name)
    if standing.stage is Stage.LIVE:
        refusal = gettext("{version} is in production already.").format(version=name)
        return Confirmation(title, "", refusal=refusal)
    if not standing.may_be_deployed:
        return Confirmation(title, "", refusal=headline(name, standing.verdict, standing.failing(), language()))
    undo = (
        gettext("Go back to {before} from the page Production: a reason is enough, no new approval is needed.").format(
            before=live.version.name
        )
        if live
        else gettext("No version was in production before: predictions can be suspended from the page Production.")
    )
    return Confirmation(
        title, _switch_sentence(name, live), (*_switch_points(name, live, suspension), (gettext("To undo it"), undo))
    )


def rolling_back(
    to: Deployment | None, live: Deployment | None, suspension: Suspension | None, *, asked: str
) -> Confirmation:
    """Before a version that was in production comes back.

    Args:
        to: the last time it was; None where no version can come back, or not the one that was asked for.
        live: what it takes the place of.
        suspension: the one under way.
        asked: the version that was asked for; "" for whichever was there last.
    """
    if live is None or to is None:
        if live is None:
            refusal = gettext("No version is in production: there is nothing to go back from.")
        elif asked:
            refusal = gettext("{version} cannot come back: it never was in production, still is, or was retracted.")
        else:
            refusal = gettext("There is nothing to go back to: no other version was in production.")
        return Confirmation(gettext("Go back to an earlier version"), "", refusal=refusal.format(version=asked))
    name = to.version.name
    before = gettext("{version} was in production from {start} to {end}, put there by {name}.").format(
        version=name, start=_moment(to.started_at), end=_moment(to.ended_at), name=to.started_by
    )
    undo = gettext("Go back to {before} in the same way.").format(before=live.version.name)
    return Confirmation(
        gettext("Go back to {version}").format(version=name),
        _switch_sentence(name, live),
        (
            *_switch_points(name, live, suspension),
            (gettext("Why no approval is asked for"), before),
            (gettext("To undo it"), undo),
        ),
    )


def _switch_sentence(name: str, live: Deployment | None) -> str:
    if live is None:
        return gettext("{version} will be the first version in production.").format(version=name)
    return gettext("{version} will take the place of {before}, in production since {since} ({name}).").format(
        version=name, before=live.version.name, since=_moment(live.started_at), name=live.started_by
    )


def _switch_points(name: str, live: Deployment | None, suspension: Suspension | None) -> list[tuple[str, str]]:
    checked = gettext(
        "The files and the signature of {version} are checked, and its stored cases are answered again; if anything is "
        "wrong, nothing changes. Then every process answers with {version} within 2 seconds."
    ).format(version=name)
    points = [
        (gettext("What happens"), checked),
        (gettext("For whom"), gettext("Everybody who asks for a prediction.")),
    ]
    if live is not None:
        under_way = gettext(
            "Requests under way end on {before}; none fails. Reports of other versions were compared with {before}: they "
            "are to be made again, and what was decided on them falls."
        ).format(before=live.version.name)
        points.append((gettext("What it changes for the others"), under_way))
    if suspension is not None:
        still = gettext("They stay suspended ({reason}): {version} answers once somebody resumes.").format(
            reason=suspension.reason.rstrip("."), version=name
        )
        points.append((gettext("Predictions are suspended"), still))
    return points


def suspending(live: Deployment | None, suspension: Suspension | None) -> Confirmation:
    """Before predictions are suspended."""
    title = gettext("Suspend predictions")
    if live is None or suspension is not None:
        return Confirmation(title, "", refusal=live_sentence(live, suspension))
    name = live.version.name
    return Confirmation(
        title,
        gettext("{version} will not answer any more, until somebody resumes.").format(version=name),
        (
            (
                gettext("What happens"),
                gettext(
                    "Within 2 seconds every request for a prediction is refused (503), with your reason; the pages say "
                    "that the model is suspended. {version} stays in production."
                ).format(version=name),
            ),
            (gettext("For whom"), gettext("Everybody who asks for a prediction.")),
            (gettext("To undo it"), gettext("Resume predictions, from the page Production, at any moment.")),
        ),
    )


def resuming(live: Deployment | None, suspension: Suspension | None) -> Confirmation:
    """Before predictions are answered again."""
    title = gettext("Resume predictions")
    if live is None or suspension is None:
        return Confirmation(title, "", refusal=live_sentence(live, suspension))
    return Confirmation(
        title,
        gettext("{version} will answer again.").format(version=live.version.name),
        (
            (
                gettext("Why they are suspended"),
                gettext("{name}, on {since}: {reason}").format(
                    name=suspension.started_by, since=_moment(suspension.started_at), reason=_ended(suspension.reason)
                ),
            ),
            (gettext("What happens"), gettext("Every process answers again within 2 seconds.")),
            (gettext("For whom"), gettext("Everybody who asks for a prediction.")),
            (gettext("To undo it"), gettext("Suspend them again, from the page Production.")),
        ),
    )


def approvals_of(standing: Standing) -> list[Approval]:
    """What the version goes into production on: a decision of each team."""
    return [standing.decisions[team] for team in Approval.Team.values if team in standing.decisions]
