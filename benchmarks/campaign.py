"""A campaign of a million pairs: how long until it is stored and browsable, and how much memory it takes.

    python benchmarks/campaign.py [--pairs 1000000] [--quarters 4] [--folder FOLDER]

A company of that many listed pairs is simulated and stored, quarter by quarter; a version that reads the history is trained on
a smaller one and put into production; ``manage.py predict_all`` scores every pair, in a process of its own, from the rows of
the database to the result in the store. Then its pages are asked for, each once, in this process. With ``--folder`` what was
prepared is kept, and only the campaign is measured again. Prints a Markdown table (docs/benchmarks.md keeps one).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LISTED = 0.485
"""Share of role x skill that is listed in the last of a few quarters."""

TRAINED_ON = {"roles": 100, "skills": 280, "quarters": 12}
"""Size of the company that the version is trained on: 100 000 labelled rows."""


def main() -> None:
    """Prepare, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="pairs that are scored (default: %(default)s)")
    parser.add_argument("--quarters", type=int, default=4, help="quarters of facts (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where what is prepared is kept (default: thrown away)")
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--pages", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        prepare(options.folder, options.pairs, options.quarters)
    elif options.pages:
        print(json.dumps(pages()))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            measure((options.folder or Path(scratch)).resolve(), options.pairs, options.quarters)


def measure(folder: Path, pairs: int, quarters: int) -> None:
    """From the rows to the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "FUTURE_SKILLS_VAR": str(folder / "var"),
        "FUTURE_SKILLS_ML": str(folder / "ml"),
        "FUTURE_SKILLS_ACTOR": "nadia",
    }

    def step(*words: str) -> tuple[float, float, float, str]:
        """Seconds, seconds of processor, peak megabytes, and what it printed."""
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{words} failed:\n{output}")
        return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output

    print("| step | seconds | processor s | peak MB | note |\n| --- | ---: | ---: | ---: | --- |", flush=True)
    if not (folder / "ready").exists():
        step("manage.py", "migrate", "--verbosity", "0")
        seconds, processor, peak, output = step(
            __file__, "--prepare", "--folder", str(folder), "--pairs", str(pairs), "--quarters", str(quarters)
        )
        print(f"| prepare | {seconds:.1f} | {processor:.1f} | {peak:.0f} | {output.strip()} |", flush=True)
        (folder / "ready").touch()
    seconds, processor, peak, output = step(
        "manage.py", "predict_all", "--json", "--label", f"benchmark {time.time():.0f}"
    )
    campaign = json.loads(output)
    note = f"{campaign['pairs']:,} pairs, {campaign['bytes'] / 1e6:.0f} MB, start of the process included"
    print(f"| campaign | {seconds:.1f} | {processor:.1f} | {peak:.0f} | {note} |", flush=True)
    _seconds, _processor, peak, output = step(__file__, "--pages")
    for address, taken in json.loads(output).items():
        print(f"| {address} | {taken:.2f} | | {peak:.0f} | |", flush=True)


def prepare(folder: Path, pairs: int, quarters: int) -> None:
    """A company in the database, and a version in production."""
    import django

    django.setup()
    from django.utils import timezone

    from apps.accounts.actors import Actor
    from apps.registry.models import Deployment
    from apps.registry.services.versions import register_version
    from apps.workforce.services import store_snapshots
    from future_skills.dataset import build_dataset, read_dataset, write_dataset
    from future_skills.simulation import CompanyParameters, simulate_company
    from future_skills.training import Recipe, train

    nadia = Actor("nadia", "declared")
    skills = round((pairs / LISTED * 0.78) ** 0.5)
    company = CompanyParameters(roles=-(-pairs // round(skills * LISTED)), skills=skills, quarters=quarters)
    facts = simulate_company(seed=42, parameters=company).snapshots
    count = facts.filter(period=facts["period"].max()).height
    by_quarter = (part for _key, part in facts.group_by("period", maintain_order=True))
    store_snapshots(actor=nadia, batches=by_quarter, source="simulated company")
    rows = len(facts)
    del facts, by_quarter
    smaller = simulate_company(seed=7, parameters=CompanyParameters(**TRAINED_ON)).snapshots
    dataset = folder / "ml" / "future_skills_dataset.parquet"
    write_dataset(build_dataset(smaller), dataset)
    model = folder / "ml" / "future_skills_model_v2.pkl"
    recipe = Recipe(feature_set="history", params={"n_estimators": 300})
    train(read_dataset(dataset), version="v2", output=model, author="nadia", clock=timezone.now, recipe=recipe)
    version = register_version(actor=nadia, path=model)
    # a version that nobody promoted: what is measured does not ask how it came into production
    Deployment.objects.create(
        version=version, kind="rollback", reason="benchmark", started_at=timezone.now(), started_by="nadia"
    )
    print(f"{rows:,} snapshots, {count:,} pairs in the last quarter")


def pages() -> dict[str, float]:
    """Seconds of each page of the newest campaign, as somebody who may read gets it, the first time it is asked for."""
    import django

    django.setup()
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from apps.serving.campaigns.models import Campaign, CampaignCell

    reader, _made = User.objects.get_or_create(username="reader", defaults={"password": "!"})
    reader.groups.set(Group.objects.filter(name="auditor"))
    client = Client(headers={"host": "localhost"})
    client.force_login(reader, backend="django.contrib.auth.backends.ModelBackend")
    campaign = Campaign.objects.filter(finished_at__isnull=False).first()
    cell = CampaignCell.objects.filter(campaign=campaign).first()
    assert campaign is not None
    assert cell is not None
    place = f"/campaigns/{campaign.pk}/"
    asked = {
        "/campaigns/": {},
        place: {},
        f"{place}pairs/": {},
        f"{place}pairs/ ": {"department": cell.department, "category": cell.category, "sort": "-emergence"},
        f"{place}pairs/  ": {"text": "python"},
        f"{place}rising/": {},
        f"{place}rising/ ": {"department": cell.department},
        f"{place}pairs.csv": {},
    }
    seconds = {}
    client.get("/versions/")  # the first page of a process loads what all of them need
    for address, parameters in asked.items():
        start = time.perf_counter()
        response = client.get(address.strip(), parameters)
        assert response.status_code == 200, response.content[:500]
        if response.streaming:
            for _piece in response.streaming_content:
                pass
        words = f"{address.strip()}?{'&'.join(parameters)}" if parameters else address
        seconds[words] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
