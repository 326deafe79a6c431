"""The acts and the objects of the audit log in words; doors translate them.

One table for all rooms, as that of the rights is: a room that records a new act writes its line here, and
``tests/apps/audit/test_words.py`` looks. An act without a line is shown by its code.
"""

from collections.abc import Mapping
from typing import Final

from future_skills.errors import translatable

ACTIONS: Final[Mapping[str, str]] = {
    "accounts.create_person": translatable("account made"),
    "accounts.set_person_roles": translatable("roles changed"),
    "accounts.set_person_password": translatable("password given by an administrator"),
    "accounts.change_password": translatable("password changed"),
    "accounts.create_demo_people": translatable("people of the demonstration made"),
    "accounts.create_token": translatable("token made"),
    "accounts.revoke_token": translatable("token revoked"),
    "accounts.log_in": translatable("login"),
    "accounts.lock_out": translatable("lockout after failed logins"),
    "workforce.import_snapshots": translatable("HR facts imported"),
    "workforce.store_snapshots": translatable("HR facts stored"),
    "workforce.load_demo_company": translatable("demonstration company loaded"),
    "registry.register_dataset": translatable("dataset registered"),
    "registry.confirm_dataset": translatable("dataset confirmed"),
    "registry.register_version": translatable("version registered"),
    "registry.import_version": translatable("version of foreign origin imported"),
    "registry.measure_engine": translatable("engine measured"),
    "registry.create_key": translatable("signing key made"),
    "registry.rotate_key": translatable("signing key rotated"),
    "registry.sign_version": translatable("version signed"),
    "registry.note": translatable("note written"),
    "registry.retract": translatable("version retracted"),
    "registry.reproduce": translatable("training reproduced"),
    "registry.set_policy": translatable("gate policy set"),
    "registry.gate": translatable("criteria evaluated"),
    "registry.override": translatable("second lock overridden"),
    "registry.set_definitions": translatable("definitions of the levels set"),
    "registry.draw_sample": translatable("validation sample drawn"),
    "registry.label": translatable("item labelled"),
    "registry.complete_sample": translatable("validation sample completed"),
    "registry.works_council": translatable("works council informed or consulted"),
    "registry.approve": translatable("version approved"),
    "registry.reject": translatable("version rejected"),
    "registry.withdraw": translatable("decision withdrawn"),
    "registry.deploy": translatable("version put into production"),
    "registry.rollback": translatable("rollback"),
    "registry.pin": translatable("version pinned by the settings"),
    "registry.see_pin": translatable("pin of the settings seen"),
    "registry.suspend": translatable("predictions suspended"),
    "registry.resume": translatable("predictions resumed"),
    "serving.start_campaign": translatable("prediction campaign started"),
    "serving.complete_campaign": translatable("prediction campaign finished"),
    "serving.score_file": translatable("file scored"),
    "serving.override_prediction": translatable("prediction overridden"),
    "serving.withdraw_override": translatable("override of a prediction withdrawn"),
    "serving.purge_predictions": translatable("old predictions purged"),
    "monitoring.look_at": translatable("window compared"),
    "monitoring.look_up": translatable("window met by observed levels"),
    "monitoring.set_policy": translatable("monitoring policy set"),
    "monitoring.acknowledge_alert": translatable("alert acknowledged"),
    "monitoring.close_alert": translatable("alert closed"),
    "monitoring.request_retraining": translatable("retraining asked for"),
    "monitoring.complete_retraining": translatable("retraining finished"),
    "monitoring.replay": translatable("track record made"),
}
"""Code of an act -> what was done, in the order of the data."""

OBJECTS: Final[Mapping[str, str]] = {
    "person": translatable("person"),
    "token": translatable("token"),
    "snapshots": translatable("snapshots"),
    "dataset": translatable("dataset"),
    "version": translatable("version"),
    "key": translatable("signing key"),
    "policy": translatable("gate policy"),
    "definitions": translatable("definitions of the levels"),
    "pin": translatable("pin of the settings"),
    "system": translatable("system"),
    "predictions": translatable("predictions"),
    "campaign": translatable("prediction campaign"),
    "pair": translatable("job role and skill"),
    "window": translatable("window"),
    "alert": translatable("alert"),
    "retraining": translatable("retraining request"),
    "monitoring_policy": translatable("monitoring policy"),
    "replay": translatable("track record"),
}
"""Kind of object -> its name."""

SOURCES: Final[Mapping[str, str]] = {
    "login": translatable("logged in"),
    "token": translatable("by a token"),
    "declared": translatable("named by --as"),
    "environment": translatable("named by FUTURE_SKILLS_ACTOR"),
    "system": translatable("user of the operating system"),
}
"""How we know who acted -> in words."""
