"""Kill -9 at random moments: never half a version, never two live, never none when one was, the audit log whole."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import TIMES, Done, Installation, require_whole

SEED = 20260303


class Killer:
    """Does an act ``TIMES`` times, and kills each: half of them by the clock, half at one of their points."""

    def __init__(self, act: Callable[..., Done]) -> None:
        self.act = act
        self.random = random.Random(SEED)
        self.left = TIMES
        self.in_the_middle = 0
        measured = act()
        assert measured.code == 0, f"{measured.out}\n{measured.err}"
        assert measured.points is not None
        self.points, self.seconds = measured.points, measured.seconds

    def __call__(self, *words: str) -> Done:
        """Do it, with these words, and kill it."""
        self.left -= 1
        by_the_clock = {"after": self.random.uniform(0, self.seconds)}
        at_a_point = {"point": self.random.randint(1, self.points)}
        done = self.act(*words, **(by_the_clock if self.left % 2 else at_a_point))
        self.in_the_middle += done.killed
        return done

    def require_work_done(self) -> None:
        """Most of those at a point died there; the clock may have been late."""
        assert self.in_the_middle >= TIMES // 3
        print(f"{self.in_the_middle} of {TIMES} killed before their end; {self.points} points")


@pytest.fixture(autouse=True)
def one_live_before(installation: Installation) -> None:
    assert require_whole(installation)["live"] == ["v1"]


def test_training_leaves_a_whole_version_or_none(installation: Installation) -> None:
    def train(name: str = "t", **how: Any) -> Done:
        return installation.run("ml/train_future_skills_model.py", "--version", name, "--n-estimators", "2", **how)

    killed = Killer(train)
    for number in range(TIMES):
        name = f"t{number}"
        killed(name)
        found = require_whole(installation)
        whole = installation.call("published", name=name)
        if name not in found["versions"]:
            again = train(name)
            if again.code:  # the pair was whole, and only to be registered
                assert (whole, again.error) == (True, "artifact_exists")
                path = str(installation.ml / f"future_skills_model_{name}.pkl")
                again = installation.run("manage.py", "registry", "register", path)
            assert again.code == 0, again.err
        installation.call("sound", version=name)
    killed.require_work_done()
    assert list(installation.ml.glob(".future_skills_model_*.tmp")) == []


def test_registering_leaves_a_whole_version_or_none(installation: Installation) -> None:
    def register(name: str = "r", **how: Any) -> Done:
        path = installation.call("make_twin", name=name)
        return installation.run("manage.py", "registry", "register", path, **how)

    killed = Killer(register)
    for number in range(TIMES):
        name = f"r{number}"
        killed(name)
        found = require_whole(installation)
        path = str(installation.ml / f"future_skills_model_{name}.pkl")
        again = installation.run("manage.py", "registry", "register", path)
        if name in found["versions"]:
            assert again.error == "version_exists"
        else:
            assert again.code == 0, again.err
        installation.call("sound", version=name)
    killed.require_work_done()


def test_approving_is_done_or_not_done(installation: Installation) -> None:
    installation.call("make_gate_passed", version="v2")

    def approve(**how: Any) -> Done:
        return installation.run("manage.py", "registry", "approve", "v2", "--team", "drh", who="claire", **how)

    killed = Killer(approve)
    for _ in range(TIMES):
        installation.call("take_back", version="v2")
        killed()
        approved = ["v2", "drh"] in require_whole(installation)["standing"]
        again = approve()
        if approved:
            assert again.error == "usage"  # already
        else:
            assert again.code == 0, again.err
    killed.require_work_done()


def test_deploying_and_rolling_back_switch_or_do_not(installation: Installation) -> None:
    installation.call("make_approved", version="v3")

    def deploy(**how: Any) -> Done:
        return installation.run("manage.py", "registry", "deploy", "v3", who="olivier", **how)

    def roll_back(**how: Any) -> Done:
        return installation.run("manage.py", "registry", "rollback", "--reason", "Retour.", who="olivier", **how)

    ways = {"v1": (Killer(deploy), deploy), "v3": (Killer(roll_back), roll_back)}
    live = "v1"
    while any(killed.left for killed, _ in ways.values()):
        killed, act = ways[live]
        other = "v3" if live == "v1" else "v1"
        done = killed() if killed.left else act()
        (now,) = require_whole(installation)["live"]
        assert now == other or (now == live and done.killed)
        live = now
        installation.call("sound", version=live)
    for killed, _ in ways.values():
        killed.require_work_done()
    if live == "v3":
        assert roll_back().code == 0


def test_a_killed_campaign_goes_on_to_the_same_result(installation: Installation) -> None:
    def score(label: str = "whole", **how: Any) -> Done:
        return installation.at_once({"call": "score_all", "with": {"label": label}, **how})[0]

    killed = Killer(score)
    whole = score("whole again").json
    assert whole["chunks"] > 5
    for number in range(TIMES):
        label = f"k{number}"
        killed(label)
        again = score(label, point=killed.random.randint(1, killed.points))  # the one that goes on may be killed too
        done = score(label) if again.killed else again
        assert done.code == 0, done.err
        assert done.json == whole
    killed.require_work_done()
    require_whole(installation)
