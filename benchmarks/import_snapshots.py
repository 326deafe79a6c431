"""Time and peak memory of import_snapshots, first and second time, and of reading everything back.

    python benchmarks/import_snapshots.py [--rows 1000000]

Real O*NET rows (Parquet and CSV) and a synthetic file of ``--rows`` rows, each in a database of its own, made for it and
removed: SQLite in a temporary folder and, if DATABASE_URL is a PostgreSQL, a scratch database on that server.
"""

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
ONET = ROOT / "examples" / "onet" / "onet_snapshots.parquet"
READ_BACK = "import django; django.setup(); from apps.workforce.selectors import snapshots_frame; snapshots_frame()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the synthetic file (default: 1 000 000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as name:
        folder = Path(name)
        onet_csv, large, large_csv = folder / "onet.csv", folder / "synthetic.parquet", folder / "synthetic.csv"
        onet = pl.read_parquet(ONET)
        onet.write_csv(onet_csv)
        synthetic(onet, options.rows).write_parquet(large)
        pl.read_parquet(large).write_csv(large_csv)
        print(f"{'database':<12}{'file':<20}{'rows':>10}  {'what':<15}{'seconds':>8}{'peak MB':>9}")
        for kind, fresh_database in databases(folder).items():
            for path in (ONET, onet_csv, large, large_csv):
                rows = onet.height if path in {ONET, onet_csv} else options.rows
                with fresh_database() as url:
                    run(url, folder, "manage.py", "migrate", "-v0")
                    for what, command in (
                        ("first import", ("manage.py", "import_snapshots", str(path), "--json")),
                        ("second import", ("manage.py", "import_snapshots", str(path), "--json")),
                        ("read back", ("-c", READ_BACK)),
                    ):
                        seconds, peak = run(url, folder, *command)
                        print(f"{kind:<12}{path.name:<20}{rows:>10}  {what:<15}{seconds:>8.1f}{peak:>9.0f}", flush=True)


def synthetic(onet: pl.DataFrame, rows: int) -> pl.DataFrame:
    """``rows`` rows with the roles and skills of O*NET, repeated over as many invented months as it takes."""
    months = [f"{year}-{month:02d}" for year in range(1900, 2000) for month in range(1, 13)]
    one_month = onet.filter(pl.col("period") == onet["period"].max())
    copies = [one_month.with_columns(period=pl.lit(months[copy])) for copy in range(rows // one_month.height + 1)]
    return pl.concat(copies).head(rows)


def run(url: str, folder: Path, *arguments: str) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a Python process on a database."""
    environment = {**os.environ, "DATABASE_URL": url, "FUTURE_SKILLS_VAR": str(folder / "var")}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    actions = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    arguments = tuple(str(ROOT / each) if each == "manage.py" else each for each in arguments)
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], environment, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def databases(folder: Path) -> dict[str, Callable[[], AbstractContextManager[str]]]:
    """How to make a fresh database of each kind."""
    kinds = {"SQLite": lambda: sqlite(folder)}
    server = os.environ.get("DATABASE_URL", "")
    if server.startswith("postgres"):
        kinds["PostgreSQL"] = lambda: postgresql(server)
    return kinds


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """A file, removed afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        yield f"sqlite:///{name}/db.sqlite3"


@contextmanager
def postgresql(server: str) -> Iterator[str]:
    """A scratch database, dropped afterwards."""
    import psycopg

    name = f"bench_import_{secrets.token_hex(4)}"
    base = server.rsplit("/", 1)[0]
    with psycopg.connect(server.replace("postgres://", "postgresql://", 1), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{base}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
