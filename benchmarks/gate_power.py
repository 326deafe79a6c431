"""How often a version is promoted that should not be: the written rule alone, and both locks.

    python benchmarks/gate_power.py [--runs 2000] [--sizes 200,500,1000,3000] [--worse 0.02,0] [--draws 2000] [--processes 2]

A champion is right on 82 % of the rows; the challenger is truly as good, or truly 2 points worse; they disagree on 10 %.
Rows are a grid of roles x skills, independent or clustered: which rows are right, and which of the two is, then share
effects of their role (10 % of the variance of a latent normal) and of their skill (20 %). The exact probabilities are the same
in both designs. On the rows where both say the same, both are as sure and see the same needs rise: what differs between the
two is the share of right levels. Everything is judged by the product's own code (``future_skills.evidence.judge``) under the
default policy; people are taken to agree (sample and approvals are not simulated). The second lock is computed only where the
written rule passes, for both must. The last column leaves one criterion out, emergence not worse: few needs emerge, so few that
on these numbers of rows it is most often inconclusive by itself, and would hide what the others let through.
"""

import argparse
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import norm

from future_skills import schema
from future_skills.dataset import build_dataset, read_dataset, write_dataset
from future_skills.evidence import Case, Contender, frozen_rows, judge
from future_skills.gates import Verdict, combined
from future_skills.manifest import Manifest
from future_skills.policy import GatePolicy, default_policy
from future_skills.simulation import CompanyParameters, simulate_company
from future_skills.training import Recipe, train

ACCURACY, DISAGREEMENT = 0.82, 0.10
LEVEL_SHARES = (0.5, 0.3, 0.2)
ROLE_EFFECT, SKILL_EFFECT = 0.10, 0.20
GRIDS = {200: (10, 20), 500: (20, 25), 1_000: (25, 40), 3_000: (40, 75)}
LEVELS = np.array(schema.LEVELS)


@dataclass(frozen=True)
class Setting:
    """One cell of the table."""

    rows: int
    clustered: bool
    worse: float
    seed: int


def latent(rng: np.random.Generator, roles: np.ndarray, skills: np.ndarray, *, clustered: bool) -> np.ndarray:
    """A uniform variable of each row; rows of one role or one skill resemble each other where ``clustered``."""
    own = rng.standard_normal(len(roles))
    if not clustered:
        return norm.cdf(own)
    role = rng.standard_normal(roles.max() + 1)[roles]
    skill = rng.standard_normal(skills.max() + 1)[skills]
    rest = 1 - ROLE_EFFECT - SKILL_EFFECT
    return norm.cdf(math.sqrt(ROLE_EFFECT) * role + math.sqrt(SKILL_EFFECT) * skill + math.sqrt(rest) * own)


def simulated(setting: Setting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows files of a challenger and of a champion."""
    rng = np.random.default_rng(setting.seed)
    n_roles, n_skills = GRIDS[setting.rows]
    roles, skills = (axis.ravel() for axis in np.meshgrid(np.arange(n_roles), np.arange(n_skills), indexing="ij"))
    n = len(roles)
    truth = rng.choice(3, n, p=LEVEL_SHARES)
    same = latent(rng, roles, skills, clustered=setting.clustered)
    which = latent(rng, roles, skills, clustered=setting.clustered)
    both_wrong = 1 - ACCURACY - (DISAGREEMENT - setting.worse) / 2
    discordant = (same >= both_wrong) & (same < both_wrong + DISAGREEMENT)
    right = same >= both_wrong + DISAGREEMENT
    champion_wins = which < (DISAGREEMENT + setting.worse) / 2 / DISAGREEMENT
    champion_right = right | (discordant & champion_wins)
    challenger_right = right | (discordant & ~champion_wins)
    miss = np.where(truth == 1, rng.choice([0, 2], n), np.where(rng.random(n) < 0.9, 1, 2 - truth))
    today = np.where(rng.random(n) < 0.75, truth, miss)
    sure = rng.uniform(0.6, 0.95, n)
    rising = np.where(truth == 2, rng.beta(4, 2, n), rng.beta(2, 4, n))
    return tuple(
        rows_file(truth, today, np.where(correct, truth, miss), roles, skills, sure, rising)
        for correct in (challenger_right, champion_right)
    )


def rows_file(truth, today, predicted, roles, skills, sure, rising) -> pl.DataFrame:
    """``sure``: probability of the level said; ``rising``: how much of the rest goes to HIGH, where another level is said."""
    chance = np.repeat((1 - sure)[:, None] / 2, 3, axis=1)
    chance[:, 2] = (1 - sure) * rising
    chance[:, 1] = (1 - sure) * np.where(predicted == 0, 1 - rising, 0.5)
    chance[:, 0] = (1 - sure) * np.where(predicted == 1, 1 - rising, 0.5)
    chance[np.arange(len(truth)), predicted] = sure
    return pl.DataFrame(
        {
            "row": np.arange(len(truth)),
            "row_hash": pl.Series(np.arange(len(truth)), dtype=pl.UInt64),
            "part": "test",
            schema.ROLE: pl.Series(roles).cast(pl.String),
            schema.SKILL: pl.Series(skills).cast(pl.String),
            schema.LABEL: LEVELS[truth],
            schema.CURRENT_LEVEL: LEVELS[today],
            "predicted": LEVELS[predicted],
            "low": chance[:, 0],
            "medium": chance[:, 1],
            "high": chance[:, 2],
        }
    )


_shared: dict[str, object] = {}


def start(manifest: Manifest, policy: GatePolicy) -> None:
    _shared.update(manifest=manifest, policy=policy)


def promoted(setting: Setting) -> tuple[Setting, tuple[bool, bool, bool]]:
    """Whether the written rule alone, both locks, and both without emergence promote a simulated challenger."""
    challenger, champion = simulated(setting)
    if not written_rule_passes(challenger, champion):
        return setting, (False, False, False)
    evidence = judge(
        Case(
            manifest=_shared["manifest"],
            manifest_sha256="0" * 64,
            rows=challenger,
            policy=_shared["policy"],
            champion=Contender("champion", "0" * 64, frozen_rows(champion), 0),
        )
    )
    kept = [check for check in evidence.checks if check.key != "sample"]
    written = combined(kept, second_lock=False) is Verdict.PROMOTABLE
    assert written, "the shortcut and the gate disagree on the written rule"
    without = [check for check in kept if not check.key.startswith("not_worse.emergence")]
    return setting, (True, combined(kept) is Verdict.PROMOTABLE, combined(without) is Verdict.PROMOTABLE)


def written_rule_passes(challenger: pl.DataFrame, champion: pl.DataFrame) -> bool:
    """The written rule without intervals, to spare the draws where it refuses."""
    truth, mine, other = challenger[schema.LABEL], challenger["predicted"], champion["predicted"]
    for level in schema.LEVELS:
        said = mine == level
        if not said.any() or (truth.filter(said) == level).mean() < 0.6:
            return False
    better = (truth == mine).sum() >= (truth == other).sum()
    return better or weighted_f1(truth, mine) - weighted_f1(truth, other) > 0.02


def weighted_f1(truth: pl.Series, said: pl.Series) -> float:
    total = 0.0
    for level in schema.LEVELS:
        support, right = (truth == level).sum(), ((truth == level) & (said == level)).sum()
        total += support * 2 * right / max(1, support + (said == level).sum())
    return total / len(truth)


def settings(sizes: list[int], differences: list[float], runs: int) -> Iterator[Setting]:
    for worse in differences:
        for rows in sizes:
            for clustered in (False, True):
                for run in range(runs):
                    yield Setting(rows, clustered, worse, seed=run + 10_000_019 * rows)


def a_manifest() -> Manifest:
    """Of a small version: judging reads the split and the baselines of a manifest."""
    facts = simulate_company(seed=1, parameters=CompanyParameters(roles=6, skills=12, quarters=10)).snapshots
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dataset.csv")
        write_dataset(build_dataset(facts), path)
        recipe = Recipe(params={"n_estimators": 5})
        made = train(
            read_dataset(path),
            version="challenger",
            output=Path(folder, "m.pkl"),
            author="benchmark",
            clock=lambda: datetime.now(UTC),
            recipe=recipe,
        )
    return made.manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--sizes", default="200,500,1000,3000")
    parser.add_argument("--worse", default="0.02,0")
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    differences = [float(worse) for worse in options.worse.split(",")]
    policy = default_policy()
    policy = policy.model_copy(update={"second_lock": policy.second_lock.model_copy(update={"draws": options.draws})})
    counts: dict[tuple[int, bool, float], list[int]] = {}
    processes = get_context("spawn")  # a forked process would wait for ever for polars' threads, which it does not have
    with processes.Pool(options.processes, initializer=start, initargs=(a_manifest(), policy)) as pool:
        for setting, verdicts in pool.imap_unordered(
            promoted, settings(sizes, differences, options.runs), chunksize=20
        ):
            cell = counts.setdefault((setting.rows, setting.clustered, setting.worse), [0, 0, 0])
            for place, passed in enumerate(verdicts):
                cell[place] += passed
    print(f"{options.runs} runs a line, {options.draws} draws; ± is twice the standard error of the simulation.\n")
    print(
        "| rows | roles x skills | design | true difference | written rule alone | both locks | both, emergence left out |"
    )
    print("| ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for (rows, clustered, worse), passed in counts.items():
        grid = "{} x {}".format(*GRIDS[rows])
        design = "clustered" if clustered else "independent"
        cells = (rows, grid, design, f"{-100 * worse:.0f} pt", *(share(count, options.runs) for count in passed))
        print(f"| {' | '.join(map(str, cells))} |")


def share(count: int, runs: int) -> str:
    p = count / runs
    return f"{100 * p:.1f} % ± {200 * math.sqrt(p * (1 - p) / runs):.1f}"


if __name__ == "__main__":
    main()
