"""The database itself refuses to change or to remove what the audit log holds, whoever asks: the ORM, a script, a console.

An event is added at the end and nowhere else; the head moves to the event just added and nowhere else. A refusal is an
IntegrityError on both databases.

Who administers the database can take the triggers off. What they do then is found by the chain, or by a head that was kept
elsewhere (docs/decisions/0011-audit-log.md). A later migration that makes a table anew, as SQLite does to change most
columns, loses the triggers: it has to run ``guard`` again.
"""

from django.db import migrations, models

# REPLACE takes rows away in SQLite without asking the trigger of DELETE, so the trigger of INSERT looks for them.
GUARD_SQLITE = {
    "audit_event_update": """
        BEFORE UPDATE ON audit_auditevent
        """,
    "audit_event_delete": """
        BEFORE DELETE ON audit_auditevent
        """,
    "audit_event_insert": """
        BEFORE INSERT ON audit_auditevent
        WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM audit_auditevent)
            OR EXISTS (
                SELECT 1 FROM audit_auditevent WHERE hash = NEW.hash OR previous_hash = NEW.previous_hash
            )
        """,
    "audit_head_delete": """
        BEFORE DELETE ON audit_audithead
        """,
    "audit_head_insert": """
        BEFORE INSERT ON audit_audithead
        WHEN EXISTS (SELECT 1 FROM audit_audithead)
        """,
    "audit_head_update": """
        BEFORE UPDATE ON audit_audithead
        WHEN NEW.id IS NOT OLD.id OR NEW.sequence IS NOT OLD.sequence + 1
            OR NOT EXISTS (SELECT 1 FROM audit_auditevent WHERE sequence = NEW.sequence AND hash = NEW.hash)
        """,
}

FUNCTIONS_POSTGRESQL = {
    "audit_refuse": "true",
    "audit_refuse_event": """
        NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM audit_auditevent)
        """,
    "audit_refuse_first_head": """
        EXISTS (SELECT 1 FROM audit_audithead)
        """,
    "audit_refuse_head": """
        NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1
            OR NOT EXISTS (SELECT 1 FROM audit_auditevent WHERE sequence = NEW.sequence AND hash = NEW.hash)
        """,
}
GUARD_POSTGRESQL = {
    "audit_event_change": "BEFORE UPDATE OR DELETE ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "audit_event_truncate": "BEFORE TRUNCATE ON audit_auditevent EXECUTE FUNCTION audit_refuse()",
    "audit_event_insert": "BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_refuse_event()",
    "audit_head_delete": "BEFORE DELETE ON audit_audithead FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "audit_head_truncate": "BEFORE TRUNCATE ON audit_audithead EXECUTE FUNCTION audit_refuse()",
    "audit_head_insert": "BEFORE INSERT ON audit_audithead FOR EACH ROW EXECUTE FUNCTION audit_refuse_first_head()",
    "audit_head_update": "BEFORE UPDATE ON audit_audithead FOR EACH ROW EXECUTE FUNCTION audit_refuse_head()",
}

ON = {
    "sqlite": [
        f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END"
        for name, when in GUARD_SQLITE.items()
    ],
    "postgresql": [
        *(
            f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {condition} THEN
                    RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END
            $$
            """
            for name, condition in FUNCTIONS_POSTGRESQL.items()
        ),
        *(f"CREATE TRIGGER {name} {when}" for name, when in GUARD_POSTGRESQL.items()),
    ],
}
OFF = {
    "sqlite": [f"DROP TRIGGER {name}" for name in GUARD_SQLITE],
    "postgresql": [f"DROP FUNCTION {name}() CASCADE" for name in FUNCTIONS_POSTGRESQL],  # and the triggers that call it
}


def guard(apps, schema_editor):
    """Put the triggers on."""
    for statement in ON[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    """Take them off."""
    for statement in OFF[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="auditevent", name="audit_audit_object__0e78a5_idx"),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor", "sequence"], name="audit_audit_actor_a871bc_idx"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["action", "sequence"], name="audit_audit_action_72d7a1_idx"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["object_id", "sequence"], name="audit_audit_object__408a38_idx"),
        ),
        migrations.AddIndex(
            model_name="auditevent", index=models.Index(fields=["at"], name="audit_audit_at_c42b4b_idx")
        ),
        migrations.RunPython(guard, unguard),
    ]
