"""The whole loop: a drift that lasts, its alert, a request, a candidate, people, production, and the drift is gone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from apps.audit.services import verify_chain
from apps.monitoring import retraining_work
from apps.monitoring.models import Alert, RetrainRequest, Window
from apps.monitoring.retraining_work import take_up_left_behind, work_on
from apps.monitoring.services.alerts import close_alert
from apps.registry.live import live_deployment
from apps.registry.models import ModelVersion
from apps.registry.services.approvals import approve
from apps.registry.services.deployments import deploy_version
from apps.registry.services.gate import evaluate_gate, override_gate
from apps.serving.reader import LIVE
from future_skills import schema
from tests.apps.monitoring.conftest import looked_at
from tests.apps.monitoring.test_retraining import Killed, in_force
from tests.apps.registry.promotion import (
    ADELE,
    CLAIRE,
    DATA,
    DOMINIQUE,
    DRH,
    EASY,
    NADIA,
    OLIVIER,
    deployed,
    drawn_and_labelled,
    put_in_force,
)

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]

MOVED = {"scarcity_index": 0.35}


def test_from_drift_to_a_version_that_knows_it(
    registered: list[ModelVersion],
    cast: None,
    done: Make,
    next_quarter: Make,
    small_company: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(LIVE, "_known", None)
    put_in_force(tmp_path, EASY)
    in_force(tmp_path, when="on_drift", months=None)
    assert deployed("v1").live

    def campaign(period: str) -> Window:
        found = done(period=period)
        looked_at()
        return Window.objects.get(campaign=found)

    def alarmed(window: Window) -> set[str]:
        return {alarm.feature for alarm in window.findings.get().words.alarms}

    # production is quiet, then it drifts
    newest = str(small_company[schema.PERIOD].max())
    year = int(newest[:4])
    assert "scarcity_index" not in alarmed(campaign(newest))
    for period in (f"{year + 1}-{newest[5:]}", f"{year + 1}-12"):
        assert "scarcity_index" in alarmed(campaign(next_quarter(period, **MOVED)))
    alert = Alert.objects.get(kind="data_drift", feature="scarcity_index")

    # the policy asks for another version; its worker is killed half-way, and it ends all the same, once
    request = RetrainRequest.objects.get()
    assert request.alert is not None

    def dies(*_args: Any, **_named: Any) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(retraining_work, "register_version", dies)
        with pytest.raises(Killed):
            work_on(request.pk)
    assert [refusal for _key, refusal in take_up_left_behind()] == [None]
    candidate = ModelVersion.objects.get(retrain_request=request)
    assert candidate.name == "v3"
    assert live_deployment().version.name == "v1"  # type: ignore[union-attr]  # never deployed alone

    # people: sample, criteria (a dozen emergences settle nothing: somebody takes that risk), approvals, deployment
    drawn_and_labelled("v3")
    evaluate_gate(actor=DOMINIQUE, version="v3")
    override_gate(actor=ADELE, version="v3", reason="Trop peu d'émergences.", risk="Connu.", days=30)
    approve(actor=DOMINIQUE, version="v3", team=DATA)
    approve(actor=CLAIRE, version="v3", team=DRH)
    assert deploy_version(actor=OLIVIER, version="v3").version == candidate
    close_alert(actor=NADIA, alert=alert.pk, reason="v3 connaît ces valeurs.")

    # what had drifted is normal now
    again = campaign(next_quarter(f"{year + 2}-03", **MOVED))
    assert again.version == candidate
    assert "scarcity_index" not in alarmed(again)
    assert not Alert.objects.filter(version=candidate, kind="data_drift", feature="scarcity_index").exists()

    # from the alert to the version, all linked
    assert request.alert.requests.get().version.deployments.get().live
    assert verify_chain() >= 1
