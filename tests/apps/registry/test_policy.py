"""An administrator puts another gate policy in force; what was judged by the old one is judged again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.accounts.actors import Actor
from apps.accounts.rights import Right
from apps.accounts.services import create_token
from apps.audit.models import AuditEvent
from apps.registry.models import GatePolicyChoice
from apps.registry.policies import active_policy
from apps.registry.services.gate import evaluate_gate
from apps.registry.services.policies import set_policy
from apps.registry.standing import standing_of
from future_skills.errors import PermissionDeniedError as Denied
from future_skills.errors import PolicyError, ProofRequiredError, UsageError
from future_skills.policy import default_policy, parse_policy, policy_sha256
from tests.apps.registry.promotion import (
    ADELE,
    CLAIRE,
    DOMINIQUE,
    EASY,
    OLIVIER,
    gate_passed,
    hire,
    policy_document,
    put_in_force,
    refusal_of,
    stored,
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def people(person: Callable[..., Any]) -> None:
    hire(person)


def test_the_repositorys_file_is_in_force_until_another_one_is(people: None, tmp_path: Path) -> None:
    assert active_policy() == default_policy()
    put_in_force(tmp_path, EASY)
    assert active_policy() == parse_policy(EASY)
    set_policy(actor=ADELE, path=None, reason="Retour à la règle.")
    assert active_policy() == default_policy()
    assert [choice.reason for choice in GatePolicyChoice.objects.order_by("id")] == ["Essai.", "Retour à la règle."]

    event = AuditEvent.objects.filter(action="registry.set_policy").earliest("sequence")
    assert (event.actor, event.object_id) == ("adele", policy_sha256(parse_policy(EASY)))
    assert event.details["from"] == policy_sha256(default_policy())
    assert parse_policy(event.details["policy"]) == parse_policy(EASY)


def test_reports_made_under_another_policy_are_out_of_date_and_keep_theirs(office: Path, tmp_path: Path) -> None:
    before = gate_passed("v1").report
    assert before is not None
    put_in_force(tmp_path, policy_document(second_lock={"draws": 300}))
    standing = standing_of(stored("v1"))
    assert (standing.report, standing.outdated) == (None, before)
    assert parse_policy(before.content["policy"]) == parse_policy(EASY)

    after = evaluate_gate(actor=DOMINIQUE, version="v1").report
    assert after is not None
    assert after.policy_sha256 == policy_sha256(active_policy())
    put_in_force(tmp_path, EASY)  # the same numbers again: the newest report is of another policy all the same
    assert standing_of(stored("v1")).report is None


def test_only_administrators_change_it_and_prove_who_they_are(people: None, tmp_path: Path) -> None:
    for actor in (DOMINIQUE, CLAIRE, OLIVIER):
        with pytest.raises(Denied):
            put_in_force(tmp_path, EASY, actor=actor)
    with pytest.raises(ProofRequiredError):
        put_in_force(tmp_path, EASY, actor=Actor("adele", "declared"))
    assert not GatePolicyChoice.objects.exists()


def test_a_change_needs_a_reason_and_changes_something(people: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        set_policy(actor=ADELE, path=None, reason="La même.")
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(EASY))
    with pytest.raises(UsageError):
        set_policy(actor=ADELE, path=path, reason=" ")
    set_policy(actor=ADELE, path=path, reason="Essai.")
    with pytest.raises(UsageError):
        set_policy(actor=ADELE, path=path, reason="Encore la même.")
    assert GatePolicyChoice.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("second_lock: {draws: 300}", "format"),
        (yaml.safe_dump(policy_document(second_lock={"draws": 10})), "second_lock.draws"),
        (yaml.safe_dump(policy_document(sample={"minimum_agreement": 1.5})), "sample.minimum_agreement"),
        (yaml.safe_dump(policy_document(sample={"unknown": 1})), "sample.unknown"),
        ("a: [", "policy.yaml"),
        ("\x00", "policy.yaml"),
    ],
)
def test_what_is_no_policy_is_refused_and_the_first_wrong_key_named(
    people: None, tmp_path: Path, content: str, named: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    with pytest.raises(PolicyError) as refused:
        set_policy(actor=ADELE, path=path, reason="Essai.")
    assert named in refused.value.explain()
    assert active_policy() == default_policy()


def test_it_is_read_and_set_in_a_terminal(people: None, run: Run, tmp_path: Path, settings: Any) -> None:
    code, output, _ = run("registry", "policy", "--json", "--as", "aude")
    assert (code, json.loads(output)["sha256"]) == (0, policy_sha256(default_policy()))
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(EASY))
    words = ("registry", "policy", "--set", str(path), "--reason", "Essai.", "--json")
    code, output, _ = run(*words, "--as", "adele")
    assert (code, refusal_of(output)["code"]) == (1, "proof_required")

    settings.FUTURE_SKILLS_TOKEN = create_token(
        actor=ADELE, username="adele", name="régler", scopes=[Right.READ, Right.ADMINISTER]
    )[1]
    code, output, _ = run(*words)
    assert (code, json.loads(output)["policy"]) == (0, parse_policy(EASY).model_dump(mode="json"))
    code, output, _ = run("registry", "policy", "--default", "--reason", "Retour.")
    assert code == 0
    assert active_policy() == default_policy()
    code, output, _ = run("registry", "policy", "--set", str(tmp_path / "absent.yaml"), "--reason", "Essai.", "--json")
    assert (code, refusal_of(output)["code"]) == (1, "policy_invalid")
