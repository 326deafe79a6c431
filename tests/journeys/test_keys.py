"""Processes that need the signing key at the same instant."""

from collections.abc import Callable

from tests.journeys.conftest import Bench


def test_processes_that_start_together_make_one_key(new_bench: Callable[[], Bench]) -> None:
    bench = new_bench()
    together = [bench.start("manage.py", "registry", "keys", "--json") for _ in range(4)]
    outputs = [process.communicate() for process in together]
    assert [process.returncode for process in together] == [0] * 4, outputs
    (key,) = bench.json("manage.py", "registry", "keys")["keys"]
    assert all(key["key_id"] in out for out, _ in outputs)
    assert [path.name for path in (bench.folder / "var" / "keys").iterdir()] == [f"{key['key_id']}.pem"]
