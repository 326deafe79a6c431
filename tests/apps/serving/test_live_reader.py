"""What answers in a process: one version, the live one, noticed within two seconds; never another in its place."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.registry.models import Deployment, ModelVersion
from apps.registry.services.deployments import resume, roll_back, suspend
from apps.registry.store import version_paths
from apps.serving.reader import ASK_EVERY, TRUST_FOR, LiveReader
from future_skills.errors import ArtifactHashMismatchError, ModelSuspendedError, NothingLiveError, SmokeFailedError
from future_skills.pipeline import FeatureEncoder
from tests.apps.registry.promotion import OLIVIER

pytestmark = pytest.mark.django_db

Deploy = Callable[[str], Deployment]


def version_of(reader: LiveReader) -> str:
    return reader.live().predictor.manifest.version


def wait_for(seconds: float = ASK_EVERY) -> None:
    time.sleep(seconds + 0.05)


def spoil(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_nothing_answers_before_the_first_deployment(registered: list[ModelVersion]) -> None:
    with pytest.raises(NothingLiveError):
        LiveReader().live()


def test_the_rows_are_asked_once_a_second_at_most(deploy: Deploy, django_assert_num_queries: Any) -> None:
    deployment, reader = deploy("v1"), LiveReader()
    live = reader.live()
    assert (live.deployment, live.predictor.manifest.version) == (deployment.pk, "v1")
    with django_assert_num_queries(0):
        for _ in range(100):
            assert reader.live() is live
    wait_for()
    with django_assert_num_queries(2):
        assert reader.live().predictor is live.predictor


def test_a_switch_is_noticed_without_a_restart_within_two_seconds(deploy: Deploy) -> None:
    deploy("v1")
    reader = LiveReader()
    assert version_of(reader) == "v1"
    deploy("v2")
    wait_for(ASK_EVERY)
    assert version_of(reader) == "v2"
    roll_back(actor=OLIVIER, reason="v2 disappoints")
    wait_for(TRUST_FOR)
    assert version_of(reader) == "v1"


def test_a_request_under_way_keeps_the_model_it_began_with(deploy: Deploy) -> None:
    deploy("v1")
    reader = LiveReader()
    began_with = reader.live()
    deploy("v2")
    wait_for()
    assert version_of(reader) == "v2"
    assert began_with.predictor.manifest.version == "v1"
    assert began_with.predictor.predict([]) == []


def test_going_back_and_forth_within_a_second_opens_nothing_again(deploy: Deploy) -> None:
    first, reader = deploy("v1"), LiveReader()
    before = reader.live()
    deploy("v2")
    again = roll_back(actor=OLIVIER, reason="a mistake")
    wait_for()
    after = reader.live()
    assert (before.deployment, after.deployment) == (first.pk, again.pk)
    assert after.predictor is before.predictor


@pytest.mark.parametrize("suffix", [".pkl", ".json", ".sig", ".profile.json"])
@pytest.mark.parametrize("published", [False, True], ids=["in the store", "in the published pair"])
def test_a_model_in_memory_goes_on_when_a_file_is_spoiled_and_a_new_process_refuses_it(
    deploy: Deploy, pairs: Path, suffix: str, published: bool
) -> None:
    version, reader = deploy("v1").version, LiveReader()
    assert version_of(reader) == "v1"
    paths = version_paths(version)
    spoil((pairs if published else paths.model.parent) / paths.beside(suffix).name)
    wait_for()
    assert version_of(reader) == "v1"
    with pytest.raises(ArtifactHashMismatchError) as refusal:
        LiveReader().live()
    assert refusal.value.details["path"].endswith(suffix)


def test_a_version_that_cannot_be_opened_is_an_error_and_no_other_takes_its_place(deploy: Deploy) -> None:
    deploy("v1")
    reader = LiveReader()
    before = reader.live()
    spoil(version_paths(deploy("v2").version).model)
    wait_for()
    for _ in range(2):
        with pytest.raises(ArtifactHashMismatchError):
            reader.live()
    roll_back(actor=OLIVIER, reason="v2's file was changed")
    wait_for()
    assert reader.live().predictor is before.predictor


def test_suspended_predictions_are_refused_with_the_reason_until_they_are_resumed(deploy: Deploy) -> None:
    deploy("v1")
    reader = LiveReader()
    before = reader.live()
    suspend(actor=OLIVIER, reason="the works council asks")
    wait_for()
    with pytest.raises(ModelSuspendedError, match="the works council asks") as refusal:
        reader.live()
    assert refusal.value.details["name"] == "olivier"
    with pytest.raises(ModelSuspendedError):
        LiveReader().live()
    resume(actor=OLIVIER)
    wait_for()
    assert reader.live().predictor is before.predictor


def test_a_model_that_no_longer_gives_its_stored_answers_is_not_asked(deploy: Deploy) -> None:
    deploy("v2")
    with pytest.MonkeyPatch.context() as patch:  # libraries that changed between two starts of the server
        patch.setattr(FeatureEncoder, "transform", lambda _self, rows: np.zeros((len(rows), 60), dtype=np.float32))
        with pytest.raises(SmokeFailedError):
            LiveReader().live()
    assert version_of(LiveReader()) == "v2"
