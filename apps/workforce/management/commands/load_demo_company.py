"""``manage.py load_demo_company``: fill an empty database with a simulated company (``docs/demo_company.md``)."""

from typing import Any

import polars as pl
from django.core.management.base import CommandParser
from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from apps.accounts.actors import Actor
from apps.accounts.commands import ActingCommand
from apps.workforce.models import SkillSnapshot
from apps.workforce.selectors import snapshots_frame
from apps.workforce.services import ImportCounts, store_snapshots
from future_skills import schema
from future_skills.errors import UsageError, translatable
from future_skills.simulation import DEFAULT_PARAMETERS, CompanyParameters, simulate_company

DEFAULT_SEED = 42

QUARTERS_TO_TRAIN = 9
"""Four quarters to label the first one, four more until the test period is labelled, and one."""


class Command(ActingCommand):
    help = str(
        gettext_lazy(
            "Load a simulated company: French job roles and skills, and what was needed over several quarters."
        )
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        default = DEFAULT_PARAMETERS
        for option, value, text in (
            ("--seed", DEFAULT_SEED, gettext_lazy("0 or more; another seed is another company (default: %(default)s)")),
            ("--roles", default.roles, gettext_lazy("number of job roles (default: %(default)s)")),
            ("--skills", default.skills, gettext_lazy("number of skills (default: %(default)s)")),
            (
                "--quarters",
                default.quarters,
                gettext_lazy("number of quarters, from 2023-03 on; more of them only add rows (default: %(default)s)"),
            ),
        ):
            parser.add_argument(option, type=int, default=value, metavar="N", help=str(text))

    def act(self, actor: Actor, *, seed: int, roles: int, skills: int, quarters: int, **_: Any) -> None:
        parameters = CompanyParameters(roles=roles, skills=skills, quarters=quarters)
        snapshots = simulate_company(seed=seed, parameters=parameters).snapshots
        source = f"simulated company: seed {seed}, {roles} roles, {skills} skills, {quarters} quarters"
        counts = load(actor=actor, snapshots=snapshots, source=source)
        self.report(snapshots, counts, seed=seed, quarters=quarters)

    def report(self, snapshots: pl.DataFrame, counts: ImportCounts, *, seed: int, quarters: int) -> None:
        """Say what was loaded, and what can be done with it."""
        periods = snapshots[schema.PERIOD].unique().sort().to_list()
        facts = {
            "seed": seed,
            "job_roles": snapshots[schema.ROLE].n_unique(),
            "skills": snapshots[schema.SKILL].n_unique(),
            "periods": periods,
            "read": len(snapshots),
            "created": counts.created,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
        }
        self.answer(facts)
        self.say(
            gettext(
                "Simulated company, seed {seed}: {job_roles} job roles, {skills} skills, {periods} periods "
                "from {first} to {last}."
            ).format(**facts | {"periods": len(periods), "first": periods[0], "last": periods[-1]})
        )
        self.say(
            gettext("{read} snapshots: {created} created, {updated} updated, {unchanged} unchanged.").format(**facts)
        )
        if quarters < QUARTERS_TO_TRAIN:
            self.say(
                gettext(
                    "To train a model 12 months ahead and test it on a later period, {needed} quarters or more are needed: "
                    "the same command with --quarters 12 adds to these."
                ).format(needed=QUARTERS_TO_TRAIN)
            )


@transaction.atomic
def load(*, actor: Actor, snapshots: pl.DataFrame, source: str) -> ImportCounts:
    """Store the simulated snapshots, in a database that holds nothing else.

    Raises:
        UsageError: the database holds snapshots that are not those of this very company.
    """
    if SkillSnapshot.objects.exists():
        refuse_to_mix(snapshots, snapshots_frame())
    batches = snapshots.partition_by(schema.PERIOD, maintain_order=True)
    return store_snapshots(actor=actor, batches=batches, source=source, action="workforce.load_demo_company")


def refuse_to_mix(snapshots: pl.DataFrame, stored: pl.DataFrame) -> None:
    """Refuse if a stored row is not, to the last value, one of ``snapshots``: nothing real is ever mixed or replaced.

    Raises:
        UsageError: how many rows are, and what to do.
    """
    strangers = stored.join(snapshots, on=schema.SNAPSHOT_COLUMNS, how="anti", nulls_equal=True)
    if strangers.is_empty():
        return
    first = strangers.row(0, named=True)
    raise UsageError(
        translatable(
            "The database already holds {count} snapshot(s) that are not of this simulated company (the first: "
            "{period}, {role}, {skill}); nothing was written."
        ),
        hint=translatable(
            "Load it into an empty database (set DATABASE_URL, then run migrate); to add quarters to a simulated company, "
            "give the same --seed, --roles and --skills as before, and no fewer --quarters."
        ),
        count=len(strangers),
        period=first[schema.PERIOD],
        role=first[schema.ROLE],
        skill=first[schema.SKILL],
    )
