"""The written targets: to be exceeded, not only reached."""

from future_skills.targets import targets
from tests.apps.registry.factories import GOOD, metrics


def test_each_target_stands_beside_what_was_observed() -> None:
    words = metrics(GOOD)
    found = {(one.measure, one.level): one for one in targets(words)}
    assert [one.required for one in targets(words)] == [0.80, 0.75, 0.75, 0.70, 0.80]
    assert found["accuracy", None].observed == words.accuracy
    assert found["precision", "HIGH"].observed == words.per_class["HIGH"].precision
    assert [one.met for one in targets(words)] == [True, True, True, True, False]


def test_a_target_that_is_only_reached_is_missed() -> None:
    exactly = metrics(((4, 1, 0), (0, 4, 1), (0, 1, 4)))
    assert exactly.accuracy == 0.8
    assert not targets(exactly)[0].met
