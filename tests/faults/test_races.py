"""Sixteen processes deploy and approve at the same instant: exactly one live, every act in the log, losers told who and when."""

import time
from collections import Counter
from typing import Any

from tests.faults.conftest import TIMES, Installation, require_whole

ROUNDS = max(2, TIMES // 10)

READY = ("v2", "v3", "v4", "v5")
WAITING = ("v6", "v7")
DRAWN_IN = 1.0
"""Seconds in which sixteen processes are made, before all of them begin."""


def test_one_of_sixteen_wins_and_the_others_are_told(installation: Installation) -> None:
    for version in READY:
        installation.call("make_approved", version=version)
    for version in WAITING:
        installation.call("make_gate_passed", version=version)
        installation.call("take_back", version=version)
    for _ in range(ROUNDS):
        before = require_whole(installation)
        answers = all_at_once(installation, seen=before["deployments"][-1][0])
        after = require_whole(installation)

        new = after["deployments"][len(before["deployments"]) :]
        assert len(new) == 1
        winner = {"version": new[0][1], "name": new[0][-1]}
        assert after["live"] == [winner["version"]]
        require_told(answers["button"], winner)
        deployed = [done for done in (*answers["button"], *answers["command"]) if "error" not in done]
        assert len(deployed) == 1
        # who began after the switch is told what stands in the way now
        codes = Counter(done["error"]["code"] for done in answers["command"] if "error" in done)
        assert codes.keys() <= {"deployed_meanwhile", "not_promotable", "not_allowed"}

        approvals = [done for done in answers["approve"] if "error" not in done]
        assert len(after["approvals"]) - len(before["approvals"]) == len(approvals)
        codes = Counter(done["error"]["code"] for done in answers["approve"] if "error" in done)
        assert codes.keys() <= {"usage", "not_allowed"}  # approved already; or the report fell with the switch
        assert after["chain"] - before["chain"] == 1 + len(approvals)

        back = installation.run("manage.py", "registry", "rollback", "--reason", "Essai.", who="olivier")
        assert back.json["version"] == "v1"
        for version in WAITING:
            installation.call("take_back", version=version)


def all_at_once(installation: Installation, *, seen: int) -> dict[str, list[Any]]:
    """What each of sixteen processes answered, by its kind."""
    people = ("olivier", "odile")
    button = [
        {"call": "deploy_if_still", "with": {"version": version, "who": people[place % 2], "seen": seen}}
        for place, version in enumerate((*READY, *READY[:2]))
    ]
    command = [
        installation.command("manage.py", "registry", "deploy", version, who=people[place % 2])
        for place, version in enumerate(READY)
    ]
    decisions = [(version, team) for version in WAITING for team in ("data", "drh", "data")]
    approve = [
        installation.command(
            "manage.py", "registry", "approve", version, "--team", team, who="dominique" if team == "data" else "claire"
        )
        for version, team in decisions
    ]
    acts = [*button, *command, *approve]
    assert len(acts) == 16
    begins = time.time() + DRAWN_IN
    done = [one.json for one in installation.at_once(*({**act, "begins": begins} for act in acts))]
    return {
        "button": done[: len(button)],
        "command": done[len(button) : -len(approve)],
        "approve": done[-len(approve) :],
    }


def require_told(answers: list[Any], winner: dict[str, str]) -> None:
    """Each who saw the version before, and did not win, is told who did, with what, and when."""
    for error in (one["error"] for one in answers if "error" in one):
        assert error["code"] == "deployed_meanwhile"
        assert {name: error["details"][name] for name in winner} == winner
        assert error["details"]["at"]
