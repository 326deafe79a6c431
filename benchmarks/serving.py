"""One row a request over HTTP, log on, two workers; beside ``mlflow models serve`` of the same pipeline, in one run.

MLflow is started as it starts by itself, with one worker, and with two.

    python benchmarks/serving.py [--seconds 10] [--database URL] [--mlflow-python PATH]

A company of its own (the simulated one of ``load_demo_company``), a version of it with history features in production, and a
server as ``make serve`` starts it, with two threads a worker and with one, in a folder that is removed; with ``--database``, on
an empty PostgreSQL database. Another process asks, on 1 and on 16 connections that are kept open, each request about another
pair, and checks every answer. At the end the log must hold as many lines as there were answers. The column “processor” is what a
request takes of the server's processors: it says most where the machine does other things too.

``--mlflow-python`` names the Python of an environment that has MLflow and what this product needs; without it, ours alone is
measured. MLflow is told everything that the model reads; ours takes it from the facts.
"""

import argparse
import json
import os
import re
import secrets
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0:0] = [str(ROOT), str(ROOT / "benchmarks")]

from registry import free_port

SIDE = ROOT / "benchmarks" / "mlflow" / "serve_side.py"
CONNECTIONS = (1, 16)
WORKERS = 2
THREADS = (2, 1)
"""Of a worker: what ``make serve`` starts, and what answers predictions soonest."""
ASKED = 500
"""Pairs that are asked about in turn."""


# --- Ours -----------------------------------------------------------------------------------------------------------------
def prepare(folder: Path, trees: int) -> None:
    """The company, its version v1 in production, what to ask (``ours.json``, ``theirs.json``) and a token, in a folder."""
    for words in (
        ("manage.py", "migrate", "--verbosity", "0"),
        ("manage.py", "load_demo_company"),
        ("manage.py", "export_future_skills_dataset"),
        ("ml/train_future_skills_model.py", "--version", "v1", "--features", "history", "--n-estimators", str(trees)),
        ("benchmarks/serving.py", "--fill", str(folder)),
    ):
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def fill(folder: Path) -> None:
    """Put v1 into production, and write what is asked; in a process where Django is set up."""
    import django

    django.setup()
    from django.contrib.auth.models import Group, User
    from django.utils import timezone

    from apps.accounts.actors import Actor
    from apps.accounts.rights import Right
    from apps.accounts.services import create_token
    from apps.registry.models import Deployment, ModelVersion
    from apps.serving.facts import FACTS
    from apps.workforce.models import SkillSnapshot

    version = ModelVersion.objects.get(name="v1")
    # No report: only a rollback may have none, and how it came to be live does not matter to who asks.
    Deployment.objects.create(
        version=version, kind="rollback", reason="benchmark", started_at=timezone.now(), started_by="benchmark"
    )
    reader = User.objects.create(username="reader", password="!")
    reader.groups.set(Group.objects.filter(name="auditor"))
    owner = Actor("reader", "login")
    _token, secret = create_token(actor=owner, username="reader", name="benchmark", scopes=[Right.READ])

    newest = SkillSnapshot.objects.order_by("-period").values_list("period", flat=True)[0]
    rows = SkillSnapshot.objects.filter(period=newest).values("job_role__name", "skill__name")[:ASKED]
    pairs = [{"job_role_name": row["job_role__name"], "skill_name": row["skill__name"]} for row in rows]
    columns = version.words.features.columns
    complete = FACTS.now().complete(pairs, columns=columns).inputs(columns)
    headers = {"Authorization": f"Bearer {secret}"}
    asked = {"path": "/api/v1/predictions", "headers": headers, "bodies": [{"rows": [pair]} for pair in pairs]}
    (folder / "ours.json").write_text(json.dumps(asked))
    bodies = [{"dataframe_records": [row]} for row in complete]
    (folder / "theirs.json").write_text(json.dumps({"path": "/invocations", "headers": {}, "bodies": bodies}))


def count_lines() -> None:
    import django

    django.setup()
    from apps.serving.models import Prediction

    print(Prediction.objects.count())


# --- Over HTTP --------------------------------------------------------------------------------------------------------------
@contextmanager
def served(command: list[str], port: int, asked: Path, log: Path) -> Iterator[int]:
    """A server that answers what is asked; number of its first process, which leads the group of all of them."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        until = time.monotonic() + 180
        while load(port, asked, connections=1, seconds=0)["answers"] == 0:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} does not answer:\n{log.read_text()}")
            time.sleep(0.5)
        load(port, asked, connections=max(CONNECTIONS), seconds=2)  # every worker, every thread, once
        yield server.pid
    finally:
        if server.poll() is None:
            os.killpg(server.pid, 15)
        server.wait(timeout=60)


def figures_of(leader: int, port: int, asked: Path, seconds: float) -> dict[int, dict[str, float]]:
    """Number of connections -> what ``load`` measures, and the milliseconds of processor that the server took for a request."""
    figures = {}
    for connections in CONNECTIONS:
        before = processor_of(leader)
        one = load(port, asked, connections=connections, seconds=seconds)
        figures[connections] = one | {"processor": 1000 * (processor_of(leader) - before) / one["answers"]}
    return figures


def processor_of(leader: int) -> float:
    """Seconds of processor that a group of processes has taken, on Linux."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == leader:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(port: int, asked: Path, *, connections: int, seconds: float) -> dict[str, float]:
    """What a process of its own measures: answers, req/s, milliseconds of the median and of the slowest hundredth."""
    words = ["--load", str(port), str(asked), str(connections), str(seconds)]
    done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(port: int, asked: Mapping[str, Any], connections: int, seconds: float) -> dict[str, float]:
    """See ``load``. Bare sockets: whoever asks works on the same processors, and should take little of them."""
    requests = [request_bytes(asked, body) for body in asked["bodies"]]
    taken: list[float] = []
    try:
        with ExitStack() as stack, selectors.DefaultSelector() as ready:
            began = time.perf_counter()
            for place in range(connections):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=120))
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(one, selectors.EVENT_READ, Asking(one, place))
            for key in ready.get_map().values():
                key.data.send(requests)
            while ready.get_map():
                for key, _event in ready.select():
                    if not key.data.receive():
                        continue
                    taken.append(time.perf_counter() - key.data.started)
                    key.data.place += connections
                    if time.perf_counter() - began < seconds:
                        key.data.send(requests)
                    else:
                        ready.unregister(key.fileobj)
            passed = time.perf_counter() - began
    except OSError:
        return {"answers": 0}
    taken.sort()
    return {
        "answers": len(taken),
        "rate": len(taken) / passed,
        "p50": 1000 * taken[len(taken) // 2],
        "p99": 1000 * taken[min(len(taken) - 1, int(len(taken) * 0.99))],
    }


@dataclass
class Asking:
    """One connection that asks one thing after the other."""

    connection: socket.socket
    place: int
    started: float = 0.0
    received: bytes = b""

    def send(self, requests: list[bytes]) -> None:
        """Ask the next thing."""
        self.received, self.started = b"", time.perf_counter()
        self.connection.sendall(requests[self.place % len(requests)])

    def receive(self) -> bool:
        """Read what came; whether the answer is whole. A connection that was closed, or a refusal, is an error."""
        came = self.connection.recv(1 << 16)
        if not came:
            raise ConnectionError("closed before its answer")
        self.received += came
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if end else None
        if length is None or len(body) < int(length[1]):
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(body.decode())
        return True


_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request_bytes(asked: Mapping[str, Any], body: Any) -> bytes:
    content = json.dumps(body).encode()
    headers = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **asked["headers"],
    }
    lines = [f"POST {asked['path']} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


# --- The run ----------------------------------------------------------------------------------------------------------------
def run_ours(folder: Path, seconds: float, threads: int) -> dict[int, dict[str, float]]:
    port, asked = free_port(), folder / "ours.json"
    granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--port", str(port)]
    options = [
        "--workers",
        str(WORKERS),
        "--blocking-threads",
        str(threads),
        "--no-access-log",
        "config.wsgi:application",
    ]
    with served([*granian, *options], port, asked, folder / "ours.log") as leader:
        before = lines_logged()
        figures = figures_of(leader, port, asked, seconds)
        logged = lines_logged() - before
    answers = sum(one["answers"] for one in figures.values())
    print(f"Log: {answers} answers, {logged} lines: {'complete' if answers == logged else 'NOT COMPLETE'}.")
    return figures


def lines_logged() -> int:
    words = [sys.executable, "benchmarks/serving.py", "--count"]
    return int(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def run_mlflow(python: str, folder: Path, seconds: float, workers: int) -> dict[int, dict[str, float]]:
    port, asked, model = free_port(), folder / "theirs.json", folder / "ml" / "future_skills_model_v1.pkl"
    os.environ.update(
        PATH=f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",  # it starts the uvicorn that it finds there
        PYTHONPATH=str(ROOT),
        MLFLOW_TRACKING_URI=f"sqlite:///{folder}/mlflow.sqlite3",
    )
    if not (folder / "mlflow_model").exists():
        subprocess.run([python, SIDE, model, folder / "mlflow_model"], check=True, capture_output=True)
    command = [python, "-m", "mlflow", "models", "serve", "--model-uri", str(folder / "mlflow_model")]
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    with served([*command, *options], port, asked, folder / "theirs.log") as leader:
        return figures_of(leader, port, asked, seconds)


def print_table(
    ours: Mapping[int, dict[int, dict[str, float]]], theirs: Mapping[int, dict[int, dict[str, float]]]
) -> None:
    """Ours by threads of a worker, theirs by workers; how many times faster each of ours is."""
    print("\n| | workers | connections | req/s | p50 | p99 | processor | ours, times |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows = [(f"Future Skills ML, each answer logged, THREADS={count}", WORKERS, one) for count, one in ours.items()]
    rows += [("mlflow models serve", workers, figures) for workers, figures in theirs.items()]
    for name, workers, figures in rows:
        for connections, one in figures.items():
            times = " | ".join(f"{one[name]:.1f} ms" for name in ("p50", "p99", "processor"))
            ratios = [f"{mine[connections]['rate'] / one['rate']:.1f}" for mine in ours.values()]
            ratio = "" if figures in ours.values() else " and ".join(ratios)
            print(f"| {name} | {workers} | {connections} | {one['rate']:.0f} | {times} | {ratio} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of each measure (default: %(default)s)")
    parser.add_argument("--trees", type=int, default=200, help="of the version (default: %(default)s)")
    parser.add_argument("--database", metavar="URL", help="an empty database (default: SQLite)")
    parser.add_argument("--mlflow-python", metavar="PATH")
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        port, asked, connections, seconds = options.load
        print(json.dumps(measure(int(port), json.loads(Path(asked).read_text()), int(connections), float(seconds))))
    elif options.fill:
        fill(options.fill)
    elif options.count:
        count_lines()
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder), options)


def run(folder: Path, options: argparse.Namespace) -> None:
    os.environ.update(
        DATABASE_URL=options.database or f"sqlite:///{folder}/db.sqlite3",
        DJANGO_SETTINGS_MODULE="config.settings",
        FUTURE_SKILLS_VAR=f"{folder}/var",
        FUTURE_SKILLS_ML=f"{folder}/ml",
        FUTURE_SKILLS_REQUESTS_PER_MINUTE="100000000",
        FUTURE_SKILLS_SECRET_KEY=secrets.token_urlsafe(50),
    )
    prepare(folder, options.trees)
    print(f"{WORKERS} workers, {options.trees} trees, {'PostgreSQL' if options.database else 'SQLite'}.")
    ours = {threads: run_ours(folder, options.seconds, threads) for threads in THREADS}
    served_by = (
        (1, WORKERS) if options.mlflow_python else ()
    )  # one worker is what it starts where nobody says otherwise
    print_table(ours, {count: run_mlflow(options.mlflow_python, folder, options.seconds, count) for count in served_by})


if __name__ == "__main__":
    main()
