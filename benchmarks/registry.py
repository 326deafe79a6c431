"""The registry with 10 000 versions on SQLite, beside MLflow 3.17, in one run.

    python benchmarks/registry.py [--versions 10000] [--mlflow-python PATH]

MLflow lives in an environment of its own, ``var/mlflow``, made at the first run (it downloads MLflow); ``--mlflow-python`` names
another one. Its versions carry as tags what our table of versions says of each. Reads in process are the median of many; over
HTTP the same client asks both servers, with 1 and 4 connections.
"""

import argparse
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIDE = ROOT / "benchmarks" / "mlflow" / "side.py"
MLFLOW = "mlflow==3.17.*"
HTTP_SECONDS = 5.0


def mlflow_python(given: str | None) -> str:
    """The Python that has MLflow, its environment made where there is none yet."""
    if given:
        return given
    folder = ROOT / "var" / "mlflow"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", MLFLOW], check=True)
    return str(python)


# --- Ours -----------------------------------------------------------------------------------------------------------------
def fill_ours(versions: int) -> str:
    """A registry of that many versions, a trained one of them live, and a token that may read; returns the token."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.utils import timezone

    from apps.accounts.actors import Actor
    from apps.accounts.rights import Right
    from apps.accounts.services import create_token
    from apps.registry.models import Deployment
    from apps.registry.services.versions import register_version
    from future_skills.dataset import build_dataset, read_dataset, write_dataset
    from future_skills.simulation import CompanyParameters, simulate_company
    from future_skills.training import Recipe, train
    from tests.apps.registry import factories as make

    call_command("migrate", verbosity=0)
    facts = simulate_company(seed=1, parameters=CompanyParameters(roles=6, skills=12, quarters=10)).snapshots
    path = settings.ML_DIR / "future_skills_dataset.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dataset(build_dataset(facts), path)
    made = train(
        read_dataset(path),
        version="trained",
        output=settings.ML_DIR / "future_skills_model_trained.pkl",
        author="benchmark",
        clock=timezone.now,
        recipe=Recipe(params={"n_estimators": 5}),
    )
    make.many_versions(versions - 1)
    newest = register_version(actor=Actor("benchmark", "system"), path=made.paths.model)
    # No report: only a rollback may have none, and how it came to be live does not matter to who reads it.
    Deployment.objects.create(
        version=newest, kind="rollback", reason="benchmark", started_at=timezone.now(), started_by="benchmark"
    )
    reader = User.objects.create(username="reader", password="!")
    reader.groups.set(Group.objects.filter(name="auditor"))
    return create_token(actor=Actor("reader", "login"), username="reader", name="benchmark", scopes=[Right.READ])[1]


def time_ours() -> dict[str, float]:
    from apps.registry.documents import VersionDocument
    from apps.registry.live import live_deployment
    from apps.registry.selectors import find_version
    from apps.registry.terminal import list_versions
    from apps.serving.reader import LIVE

    middle = "v5000"
    return {
        "reader": median(LIVE.live, 1_000),
        "live": median(live_deployment, 200),
        "page": median(lambda: list_versions(limit=100, offset=0), 30),
        "record": median(lambda: list_versions(limit=1, offset=0), 30),
        "version": median(lambda: VersionDocument.of(find_version(middle)), 100),
    }


def median(act: Callable[[], object], times: int) -> float:
    act()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[times // 2]


# --- Over HTTP --------------------------------------------------------------------------------------------------------------
def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


@contextmanager
def served(command: list[str], port: int, path: str, headers: dict[str, str]) -> Iterator[None]:
    """A server that answers ``path`` with 200."""
    server = subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(600):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", path, headers=headers)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} does not answer {path}")
        yield
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def requests_a_second(port: int, path: str, headers: dict[str, str], connections: int) -> float:
    counts = [0] * connections
    until = time.perf_counter() + HTTP_SECONDS

    def ask(place: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.perf_counter() < until:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            counts[place] += 1

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / HTTP_SECONDS


def http_figures(command: list[str], port: int, path: str, headers: dict[str, str]) -> dict[str, float]:
    with served(command, port, path, headers):
        return {f"http{n}": requests_a_second(port, path, headers, n) for n in (1, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--mlflow-python")
    options = parser.parse_args()
    python = mlflow_python(options.mlflow_python)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=f"sqlite:///{folder}/ours.sqlite3",
            FUTURE_SKILLS_VAR=f"{folder}/var",
            FUTURE_SKILLS_ML=f"{folder}/ml",
            DJANGO_SETTINGS_MODULE="config.settings",
        )
        sys.path.insert(0, str(ROOT))
        token = fill_ours(options.versions)
        theirs_at = f"{folder}/mlflow.sqlite3"
        subprocess.run([python, SIDE, "fill", theirs_at, str(options.versions)], check=True, capture_output=True)
        ours = time_ours()
        timed = subprocess.run([python, SIDE, "time", theirs_at], check=True, capture_output=True, text=True)
        theirs = json.loads(timed.stdout.splitlines()[-1])
        port = free_port()
        granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--port", str(port)]
        ours |= http_figures(
            [*granian, "--workers", "2", "--no-access-log", "config.wsgi:application"],
            port,
            "/api/v1/live",
            {"Authorization": f"Bearer {token}", "X-Request": secrets.token_hex(4)},
        )
        port = free_port()
        server = [python, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{theirs_at}", "--workers", "2"]
        theirs |= http_figures(
            [*server, "--host", "127.0.0.1", "--port", str(port)],
            port,
            "/api/2.0/mlflow/registered-models/alias?name=future-skills&alias=live",
            {},
        )
    print_table(ours, theirs, options.versions)


LINES = {
    "reader": ("which version is live, as a prediction asks (at most 2 s old), in process", "ms"),
    "live": ("which version is live, asked of the rows, in process", "ms"),
    "version": ("one version's record, in process", "ms"),
    "page": ("a page of 100 versions, in process", "ms"),
    "record": ("the model's record (ours: how many versions, and the newest), in process", "ms"),
    "http1": ("which version is live, HTTP, 1 connection", "req/s"),
    "http4": ("which version is live, HTTP, 4 connections", "req/s"),
}


def print_table(ours: dict[str, float], theirs: dict[str, float], versions: int) -> None:
    print(f"{versions} versions, SQLite, 2 workers.\n")
    print("| read | Future Skills ML | MLflow | times faster |\n| --- | ---: | ---: | ---: |")
    for key, (name, unit) in LINES.items():
        mine, other = ours[key], theirs["live" if key == "reader" else key]
        ratio = other / mine if unit == "ms" else mine / other
        shown = (f"{1000 * value:.3f} ms" if unit == "ms" else f"{value:.0f} req/s" for value in (mine, other))
        print(f"| {name} | {' | '.join(shown)} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
