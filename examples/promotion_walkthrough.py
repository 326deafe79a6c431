#!/usr/bin/env python
"""Walk versions into production and back, as the people of the demonstration: ``make promotion``.

Needs v1 and v2 of ``make demo`` in the database of DATABASE_URL, and the policy of the repository. Every command is printed
before it is run, with who runs it; a command that leaves with another exit code than the one expected here stops the walk.
"""

from walkthrough import PREDICT, REFUSED, REGISTRY, TOKENS, WAITING, promote, run, say


def main() -> None:
    """v1 is held back; v2, then v3 go live; v2 comes back."""
    run("", "manage.py", "create_demo_people", "--tokens", str(TOKENS))

    say(
        "v1 is held back: the test rows do not tell whether it is as good as the levels of today, and nobody has judged it"
    )
    run("camille", *REGISTRY, "gate", "v1", code=WAITING)
    run("olivier", *REGISTRY, "deploy", "v1", code=REFUSED)

    say("v2 goes the whole way")
    run(
        *("claire", *REGISTRY, "works-council", "--state", "not_required"),
        *("--reason", "Démonstration sur des données publiques : aucun salarié n'est concerné."),
    )
    promote("v2")

    say("v3, of the same family with another seed, is compared with v2 on the same rows, and takes its place")
    run(
        *("camille", "ml/train_future_skills_model.py", "--version", "v3", "--features", "history"),
        *("--n-estimators", "300", "--random-state", "7", "--changes", "Autre graine"),
    )
    promote("v3")

    say("Rollback: v2 answers again, at once and without new approvals")
    run("olivier", *REGISTRY, "rollback", "--reason", "Retour arrière de démonstration.")
    run("olivier", *PREDICT)
    run("aude", *REGISTRY, "history")
    run("aude", *REGISTRY, "list")
    run("aude", "manage.py", "verify_audit_log")


if __name__ == "__main__":
    main()
