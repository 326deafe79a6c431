"""Writing, reading, verifying and exporting an audit log.

    python benchmarks/audit_log.py [--events 10000]

In a database of its own, made for it and removed: SQLite in a temporary folder. Each act is a transaction. Prints a
Markdown table, with the time on the clock and that of the processor (the machine may do other things).
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000, help="length of the log (default: 10 000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "FUTURE_SKILLS_VAR": f"{folder}/var",
        }
        measure(options.events)


def measure(events: int) -> None:
    import django

    django.setup()

    from django.core.management import call_command
    from django.db import transaction

    from apps.accounts.actors import Actor
    from apps.audit.exports import exported
    from apps.audit.selectors import LogFilter, count_matching, log_page
    from apps.audit.services import record, verify_chain

    call_command("migrate", verbosity=0)

    def write() -> None:
        for number in range(events):
            with transaction.atomic():
                record(
                    actor=Actor(f"person-{number % 20}", "login"),
                    action="registry.note" if number % 5 else "registry.deploy",
                    object_type="version",
                    object_id=f"v{number // 50}",
                    details={"reason": "Because the newest facts say so.", "model_sha256": "ab" * 32},
                )

    some = LogFilter(actor="person-7", action="registry.deploy")
    print(f"{events} events\n\n| | ms | of the processor |\n| --- | ---: | ---: |")
    row("write one", write, times=events, warm=False)
    row("the newest page", lambda: log_page(LogFilter()))
    row("the oldest page", lambda: log_page(LogFilter(), after=0))
    row("a page of one person's deployments", lambda: log_page(some))
    row("count them", lambda: count_matching(some))
    row("verify", verify_chain)
    for kind in ("csv", "jsonl"):
        row(f"export ({kind})", lambda kind=kind: sum(map(len, exported(LogFilter(), kind, "fr"))))


def row(name: str, act: Callable[[], object], *, times: int = 1, warm: bool = True) -> None:
    """Run it, once before where that warms, and print a line; ``times``: how many of these things it does."""
    if warm:
        act()
    clock, processor = time.perf_counter(), time.process_time()
    act()
    spent = (time.perf_counter() - clock, time.process_time() - processor)
    print("| " + " | ".join([name, *(f"{1000 * each / times:.2f}" for each in spent)]) + " |", flush=True)


if __name__ == "__main__":
    main()
