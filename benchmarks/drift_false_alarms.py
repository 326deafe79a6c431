"""How often a window without drift alarms, and how often a real shift is caught; beside PSI > 0.1 and KS p < .05.

    python benchmarks/drift_false_alarms.py [--windows 1000] [--shifted 200] [--sizes 100,1000,10000,100000] [--processes 2]

A company of 2 000 roles and 5 000 skills, some skills much commoner than others. Salary, difficulty and department are facts
about a role; trend, scarcity and category about a skill; usage, requests, the level said and its confidence about a pair; the
indicator about a period. The reference is 50 000 pairs drawn at random; a new company and a new reference for every 50 windows.

* **independent**: a window is pairs drawn at random, and facts about pairs are independent.
* **clustered**: a window is few roles with many skills each, and facts about pairs share effects of their role (10 % of the
  variance of a latent normal) and of their skill (20 %).
* **asked about**: a slice of the prediction log. Whoever asks does not draw at random: pairs of the reference, those of skills
  in fashion and of roles that pay well up to twenty times as often as the others; compared with the same pairs then.

Without drift, roles, skills and distributions are those of the reference. Shifts, one a window: a number by half a standard
deviation; the share of one level, or of the roles of one department, by 10 points. Single windows: no alarm is asked to persist.
A window "alarms" where the report has any alarm; for PSI and KS, where any of the features (KS: numbers) is beyond the usual
threshold, on the same rows as they are, PSI on tenths of the reference. A shift is "caught" where the shifted feature itself
alarms; its *independent facts* are what the report counts.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import ks_2samp, norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from future_skills import schema
from future_skills.drift import compare
from future_skills.drift_profile import CONFIDENCE, PREDICTED, build_reference
from future_skills.monitoring_policy import default_monitoring_policy

ROLES, SKILLS, DEPARTMENTS, CATEGORIES = 2_000, 5_000, 12, 10
REFERENCE_ROWS, WINDOWS_PER_COMPANY = 50_000, 50
ROLE_EFFECT, SKILL_EFFECT = 0.10, 0.20
LEVEL_SHARES = np.array([0.5, 0.3, 0.2])
DESIGNS = ("independent", "clustered", "asked about")
PAIR = (schema.ROLE, schema.SKILL)
FEW_ROLES = {100: 5, 1_000: 10, 10_000: 20, 100_000: 50}
SHIFTS = {
    "usage, 0.5 sd (a fact about a pair)": "internal_usage",
    "salary, 0.5 sd (a fact about a role)": "avg_salary_k",
    "trend, 0.5 sd (a fact about a skill)": "trend_score",
    "share of a level, 10 points": PREDICTED,
    "share of a department, 10 points of the roles": schema.DEPARTMENT,
}


@dataclass(frozen=True)
class Setting:
    """Some windows of one company; ``shifted`` is a feature or None."""

    rows: int
    design: str
    shifted: str | None
    seed: int
    windows: int


class Company:
    """Roles, skills and what is true of them."""

    def __init__(self, rng: np.random.Generator, *, clustered: bool) -> None:
        self.rng, self.clustered = rng, clustered
        popularity = 1 / (np.arange(SKILLS) + 20) ** 0.8
        self.popularity = popularity / popularity.sum()
        self.department = rng.choice(DEPARTMENTS, ROLES, p=uneven(DEPARTMENTS))
        self.category = rng.choice(CATEGORIES, SKILLS, p=uneven(CATEGORIES))
        self.salary, self.difficulty = rng.lognormal(4, 0.4, ROLES), rng.beta(2, 2, ROLES)
        self.trend, self.scarcity = rng.beta(4, 4, SKILLS), rng.beta(3, 1, SKILLS)
        self.effects = {name: (rng.standard_normal(ROLES), rng.standard_normal(SKILLS)) for name in "urlc"}

    def pairs(self, rows: int, *, few_roles: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Roles and skills of some rows, drawn at random."""
        if few_roles is None:
            roles = self.rng.integers(ROLES, size=rows)
        else:
            roles = np.repeat(self.rng.choice(ROLES, few_roles, replace=False), rows // few_roles)
        return roles, self.rng.choice(SKILLS, rows, p=self.popularity)

    def asked(self, rows: int, before: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Roles and skills of pairs of the reference, those that people ask about more often than the others."""
        roles, skills = (before[name].cast(pl.Int64).to_numpy() for name in PAIR)
        interest = np.exp(3 * (self.trend[skills] + norm.cdf((np.log(self.salary[roles]) - 4) / 0.4) - 1))
        places = self.rng.choice(len(roles), rows, p=interest / interest.sum())
        return roles[places], skills[places]

    def departments(self, *, grown: bool) -> np.ndarray:
        """Of each role; ``grown``: other roles have moved to the first one, which has 10 points more of them."""
        share = (self.department == 0).mean()
        moved = self.rng.random(ROLES) < (0.1 / (1 - share) if grown else 0)
        return np.where(moved, 0, self.department)

    def rows(self, roles: np.ndarray, skills: np.ndarray, *, period: str, shifted: str | None = None) -> pl.DataFrame:
        """Facts about these pairs at a period; ``shifted``: see ``SHIFTS``."""
        n = len(roles)
        usage, requests, said, sure = (self.latent(name, roles, skills) for name in "urlc")
        shares = LEVEL_SHARES + (np.array([-0.1, 0, 0.1]) if shifted == PREDICTED else 0)
        department = self.departments(grown=shifted == schema.DEPARTMENT)
        salary = self.salary + (0.5 * self.salary.std() if shifted == "avg_salary_k" else 0)
        trend = self.trend + (0.5 * self.trend.std() if shifted == "trend_score" else 0)
        levels = np.array(schema.LEVELS)[np.searchsorted(np.cumsum(shares)[:2], norm.cdf(said))]
        missing = self.rng.random(n) < 0.02
        return pl.DataFrame(
            {
                schema.PERIOD: pl.repeat(period, n, eager=True),
                schema.ROLE: pl.Series(roles).cast(pl.String),
                schema.SKILL: pl.Series(skills).cast(pl.String),
                schema.CATEGORY: pl.Series(self.category[skills]).cast(pl.String),
                schema.DEPARTMENT: pl.Series(department[roles]).cast(pl.String),
                "trend_score": trend[skills],
                "internal_usage": usage + (0.5 if shifted == "internal_usage" else 0),
                "training_requests": np.where(missing, np.nan, np.exp(requests)),
                "scarcity_index": self.scarcity[skills],
                "hiring_difficulty": self.difficulty[roles],
                "avg_salary_k": salary[roles],
                "economic_indicator": np.full(n, 4.2),
                PREDICTED: levels,
                CONFIDENCE: 1 / 3 + norm.cdf(sure) * 2 / 3,
            }
        )

    def latent(self, name: str, roles: np.ndarray, skills: np.ndarray) -> np.ndarray:
        """Standard normal, of its own or shared in part by the rows of a role and of a skill."""
        own = self.rng.standard_normal(len(roles))
        if not self.clustered:
            return own
        role, skill = self.effects[name]
        rest = 1 - ROLE_EFFECT - SKILL_EFFECT
        return math.sqrt(ROLE_EFFECT) * role[roles] + math.sqrt(SKILL_EFFECT) * skill[skills] + math.sqrt(rest) * own


def uneven(classes: int) -> np.ndarray:
    shares = 1 / (np.arange(classes) + 2)
    return shares / shares.sum()


# --- What others do ---------------------------------------------------------------------------------------------------------
class Usual:
    """PSI > 0.1 and KS p < .05 on rows, against the same reference."""

    def __init__(self, reference: pl.DataFrame) -> None:
        self.numbers = {}
        for name in (*schema.NUMERIC_FEATURES, CONFIDENCE):
            values = np.sort(known(reference[name]))
            edges = np.unique(np.quantile(values, np.linspace(0, 1, 11))[1:-1])
            self.numbers[name] = values, edges, shares_in(values, edges)
        self.categories = {
            name: dict(reference[name].value_counts(normalize=True).iter_rows())
            for name in (schema.CATEGORY, schema.DEPARTMENT, PREDICTED)
        }

    def alarms(self, window: pl.DataFrame) -> tuple[bool, bool]:
        """Whether either alarms on a window."""
        psi, ks = [], []
        for name, (values, edges, shares) in self.numbers.items():
            now = known(window[name])
            psi.append(stability(shares, shares_in(now, edges)))
            ks.append(ks_2samp(values, now, method="asymp").pvalue)
        for name, before in self.categories.items():
            now = dict(window[name].value_counts(normalize=True).iter_rows())
            names = sorted(before.keys() | now.keys())
            psi.append(stability(*(np.array([shares.get(one, 0.0) for one in names]) for shares in (before, now))))
        return max(psi) > 0.1, min(ks) < 0.05


def known(values: pl.Series) -> np.ndarray:
    numbers = values.to_numpy()
    return numbers[~np.isnan(numbers)]


def shares_in(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) / len(values)


def stability(before: np.ndarray, now: np.ndarray) -> float:
    before, now = np.maximum(before, 1e-4), np.maximum(now, 1e-4)
    return float(((now - before) * np.log(now / before)).sum())


# --- The run ------------------------------------------------------------------------------------------------------------------
def measured(setting: Setting) -> tuple[Setting, Counter]:
    company = Company(np.random.default_rng(setting.seed), clustered=setting.design == "clustered")
    before = company.rows(*company.pairs(REFERENCE_ROWS, few_roles=None), period="2024-02")
    reference, usual, policy = build_reference(before), Usual(before), default_monitoring_policy()
    counts: Counter = Counter()
    few_roles, same_pairs = FEW_ROLES[setting.rows] if setting.design == "clustered" else None, None
    for _ in range(setting.windows):
        is_asked = setting.design == "asked about"
        pairs = company.asked(setting.rows, before) if is_asked else company.pairs(setting.rows, few_roles=few_roles)
        window = company.rows(*pairs, period="2024-11", shifted=setting.shifted)
        if is_asked:
            same_pairs = before.join(window, on=PAIR, how="semi")
        report = compare(reference, window, policy, same_pairs=same_pairs)
        psi, ks = usual.alarms(window)
        counts["windows"] += 1
        counts["psi"] += psi
        counts["ks"] += ks
        if setting.shifted is None:
            counts["alarms"] += bool(report.alarms)
            counts.update(f"alarm: {alarm.kind} {alarm.feature}" for alarm in report.alarms)
            compared = [one for one in report.features if one.kind in {"numeric", "categorical"}]
            counts["features"] += len(compared)
            counts["insufficient"] += sum(one.verdict == "insufficient_sample" for one in compared)
        else:
            one = report.feature(setting.shifted)
            counts["alarms"] += one.verdict == "drift"
            counts["features"] += 1
            counts["insufficient"] += one.verdict == "insufficient_sample"
            counts["independent"] += round(one.independent[1])
    return setting, counts


def settings(options: argparse.Namespace) -> Iterator[Setting]:
    for rows in options.sizes:
        for design in DESIGNS:
            for shifted in (None, *(SHIFTS.values() if rows >= 1_000 else ())):
                windows = options.windows if shifted is None else options.shifted
                for place, start in enumerate(range(0, windows, WINDOWS_PER_COMPANY)):
                    seed = 1_000_003 * rows + 10_007 * DESIGNS.index(design) + place
                    yield Setting(rows, design, shifted, seed, min(WINDOWS_PER_COMPANY, windows - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=1_000, help="without drift, of each size and design")
    parser.add_argument("--shifted", type=int, default=200, help="of each shift, size and design")
    parser.add_argument("--sizes", default="100,1000,10000,100000", help=f"among {sorted(FEW_ROLES)}")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    options.sizes = [int(size) for size in options.sizes.split(",")]
    totals: dict[tuple[int, str, str | None], Counter] = {}
    processes = get_context("spawn")  # a forked process would wait for ever for polars' threads, which it does not have
    with processes.Pool(options.processes) as pool:
        for one, counts in pool.imap_unordered(measured, settings(options)):
            totals.setdefault((one.rows, one.design, one.shifted), Counter()).update(counts)
    print(f"Without drift, {options.windows} windows a line: share of windows that alarm.\n")
    print("| rows | design | roles | this report | PSI > 0.1 | KS p < .05 | features told insufficient |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for (rows, design, _), counts in of_kind(totals, shifted=False):
        roles = FEW_ROLES[rows] if design == "clustered" else "drawn"
        print(f"| {rows} | {design} | {roles} | {shares(counts)} |")
    print(f"\nShifted, {options.shifted} windows a line: share of windows where the shift is caught.\n")
    print("| shift | rows | design | independent facts | this report | PSI > 0.1 | KS p < .05 | told insufficient |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    words = {feature: name for name, feature in SHIFTS.items()}
    for (rows, design, shifted), counts in of_kind(totals, shifted=True):
        facts = round(counts["independent"] / counts["windows"])
        print(f"| {words[shifted]} | {rows} | {design} | {facts} | {shares(counts)} |")
    print("\nWhat alarmed without drift:", dict(sum((c for (*_, s), c in totals.items() if s is None), Counter())))


def of_kind(totals: dict, *, shifted: bool) -> list:
    chosen = [item for item in totals.items() if (item[0][2] is not None) == shifted]
    return sorted(chosen, key=lambda item: (str(item[0][2] or ""), DESIGNS.index(item[0][1]), item[0][0]))


def shares(counts: Counter) -> str:
    cells = [counts[name] / counts["windows"] for name in ("alarms", "psi", "ks")]
    cells.append(counts["insufficient"] / counts["features"])
    return " | ".join(f"{100 * cell:.1f} %" for cell in cells)


if __name__ == "__main__":
    main()
