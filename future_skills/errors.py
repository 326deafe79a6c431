"""The tree of refusals: one class per reason, its facts as attributes, no HTTP and no Django.

    FutureSkillsError
    ├── UsageError                   the call itself makes no sense (an option, a name, a value)
    ├── DataError                    the data cannot be used
    │   ├── DataFileError            … a file that cannot be read at all
    │   ├── MissingColumnsError      … a column that must be there
    │   ├── InvalidValuesError       … cells that cannot be understood, each with its place
    │   ├── PolicyError              … a gate policy that is none
    │   ├── DefinitionsError         … definitions of the levels that are none
    │   ├── InvalidRowsError         … values sent for a prediction that cannot be accepted, each with its place
    │   └── NotEnoughDataError       … too little of it, or too short a history
    ├── ArtifactError                the files of a version
    │   ├── ArtifactExistsError      … a version is written once
    │   ├── ArtifactMissingError     … a file of the pair is absent
    │   ├── ArtifactHashMismatchError … a file is not the one that was written
    │   ├── SignatureMissingError    … nobody vouches for the files
    │   ├── SignatureInvalidError    … a signature that no key of this installation made
    │   ├── ArtifactTypeRefusedError … a pickle that names types which are not allowed
    │   ├── ForeignModelError        … a pickle from elsewhere that nobody answers for, or that cannot become a version
    │   ├── ArtifactUnreadableError  … a right file that this installation cannot open
    │   ├── SmokeFailedError         … a model that no longer gives its stored answers
    │   └── ManifestError            … a manifest that does not follow its schema
    ├── MissingFeaturesError         rows that lack a feature the model needs
    │   └── UnknownPairError         … and no snapshot to take it from
    ├── VersionExistsError           a version name, once used, is never used again
    ├── VersionNotFoundError         no such version
    ├── AccessError                  the person who acts may not
    │   ├── NotAuthenticatedError    … nobody is known to act
    │   └── PermissionDeniedError    … no role of theirs has the right
    │       └── ProofRequiredError   … the act needs their own login or their own token
    ├── PromotionError               a version cannot go where it was sent
    │   ├── NotAllowedError          … not from the stage it is in
    │   ├── OwnWorkError             … one person would judge their own work, or speak for two teams
    │   ├── NotPromotableError       … its criteria are not met
    │   └── DeployedMeanwhileError   … somebody else switched first
    ├── SampleError                  a validation sample cannot be labelled
    │   ├── SampleNotFoundError      … none was drawn for the version
    │   └── SampleClosedError        … it is complete, or another took its place
    ├── NotAnsweringError            nothing can answer predictions now
    │   ├── NothingLiveError         … no version was ever deployed
    │   ├── ModelSuspendedError      … predictions are suspended
    │   └── PredictionLogError       … what is not logged is not answered
    ├── PredictionNotFoundError      no such line in the prediction log
    ├── TooManyRequestsError         one person asks more than the API answers
    ├── CampaignError                a prediction campaign cannot be what was asked
    │   ├── CampaignNotFoundError    … there is none of that number
    │   ├── CampaignBusyError        … another process works on it
    │   ├── CampaignUnfinishedError  … it has no result yet, or never will
    │   └── CampaignGivenUpError     … it ended again and again without getting further
    ├── ReasonsUnavailableError      what is needed to explain an answer is not there
    ├── NotReproducibleError         what is needed to train again was not kept
    ├── SigningKeyError              the private key that signs versions cannot be used
    ├── StorageError                 the disk or the database could not do it
    └── AuditChainError              the audit log was changed

Every class has a ``code`` (the same in commands, API and Python), a ``template`` (English; the doors translate it)
and ``details``, the named values that fill it. ``hint`` says what to do, and is translated in the same way.
"""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


def translatable(message: str) -> str:
    """Mark a message for the translation catalogue; the library itself speaks English."""
    return message


class Words(str):
    """A detail that is words: the doors translate it as they translate the template it stands in."""

    __slots__ = ()


class FutureSkillsError(Exception):
    """Base of every refusal of the product.

    Args:
        template: what is wrong and where, with ``{name}`` placeholders; the class's own one by default.
        hint: what to do about it, with the same placeholders.
        **details: the facts, JSON-serialisable, that fill the placeholders.
    """

    code: ClassVar[str] = "error"
    template: str = translatable("The request was refused.")
    hint: str = ""

    def __init__(self, template: str = "", *, hint: str = "", **details: Any) -> None:
        self.template = template or type(self).template
        self.hint = hint or type(self).hint
        self.details = details
        super().__init__(self.explain())

    def explain(self, translate: Any = str) -> str:
        """The whole message (what, where, what to do), each part passed through ``translate`` first."""
        details = {
            name: translate(value) if isinstance(value, Words) else value for name, value in self.details.items()
        }
        return " ".join(translate(part).format(**details) for part in (self.template, self.hint) if part)


def keep_refusal(refusal: FutureSkillsError) -> dict[str, Any]:
    """A refusal as JSON keeps it, to be said later in any language: ``code``, ``template``, ``hint``, ``details``."""
    return {
        "code": refusal.code,
        "template": refusal.template,
        "hint": refusal.hint,
        "details": refusal.details,
    }


def kept_refusal(kept: Mapping[str, Any]) -> FutureSkillsError:
    """The refusal that ``keep_refusal`` kept."""
    return FutureSkillsError(kept["template"], hint=kept["hint"], **kept["details"])


class UsageError(FutureSkillsError):
    """The call makes no sense: an unknown option value, an impossible combination."""

    code = "usage"


class DataError(FutureSkillsError):
    """The data cannot be used as it is."""

    code = "data_invalid"


class DataFileError(DataError):
    """A file is absent, empty, truncated, or not of the format its name says."""

    code = "data_file_unreadable"


class MissingColumnsError(DataError):
    """Columns that must be there are not. Details: ``path``, ``columns`` (comma-separated), ``found``."""

    code = "data_columns_missing"
    template = translatable("{path}: required columns are missing: {columns}. Columns found: {found}.")
    hint = translatable("Add them, or name yours with --map theirs=ours.")


@dataclass(frozen=True, slots=True)
class Defect:
    """One cell (or row) that cannot be understood.

    Attributes:
        line: line in the file, as a text editor numbers it (the header is line 1); in Parquet, the row (first = 1).
        column: name of the column as the file writes it; empty for a whole row.
        value: what the cell holds, shortened to 80 characters.
        reason: template of the sentence that says what is wrong.
        values: what fills the placeholders of ``reason``.
    """

    line: int
    column: str
    value: str
    reason: str
    values: tuple[tuple[str, Any], ...] = ()

    def explain(self, translate: Any = str) -> str:
        """The reason in words, translated by ``translate``."""
        return str(translate(self.reason)).format(**dict(self.values))


class InvalidValuesError(DataError):
    """Cells that cannot be understood. ``defects`` holds the first ones; ``count`` says how many there are."""

    code = "data_values_invalid"
    template = translatable("{path}: {count} value(s) cannot be accepted; nothing was written.")
    shown = 20

    def __init__(self, *, path: str, count: int, defects: Sequence[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__(
            path=path,
            count=count,
            defects=[
                {"line": d.line, "column": d.column, "value": d.value, "reason": d.explain()}
                for d in self.defects[: self.shown]
            ],
        )

    def explain(self, translate: Any = str) -> str:
        """The message, then one line per defect with its place."""
        place = translate(translatable("  line {line}, column {column}, value {value}: {reason}"))
        lines = [
            place.format(line=d.line, column=d.column or "—", value=repr(d.value), reason=d.explain(translate))
            for d in self.defects[: self.shown]
        ]
        return "\n".join([super().explain(translate), *lines])


class InvalidRowsError(DataError):
    """Values sent for a prediction cannot be accepted. ``defects`` holds the first ones (``line``: place of the row, from 0).

    Details: ``count``, ``rows`` (``row``, ``column``, ``value``, ``reason``).
    """

    code = "rows_invalid"
    template = translatable("{count} value(s) cannot be accepted; nothing was predicted.")
    shown = 20

    def __init__(self, *, count: int, defects: Sequence[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__(
            count=count,
            rows=[
                {"row": d.line, "column": d.column, "value": d.value, "reason": d.explain()}
                for d in self.defects[: self.shown]
            ],
        )

    def explain(self, translate: Any = str) -> str:
        """The message, then one line per defect with its place."""
        place = translate(translatable("  row {row}, {column} = {value}: {reason}"))
        lines = [
            place.format(row=d.line, column=d.column or "—", value=d.value, reason=d.explain(translate))
            for d in self.defects[: self.shown]
        ]
        return "\n".join([super().explain(translate), *lines])


class PolicyError(DataError):
    """A file that is no gate policy. Details: ``path``, ``problem``."""

    code = "policy_invalid"
    template = translatable("{path} is not a gate policy: {problem}.")
    hint = translatable("Begin with a copy of future_skills/gate_policy.yaml.")


class DefinitionsError(DataError):
    """A file that does not define the need levels. Details: ``path``, ``problem``."""

    code = "definitions_invalid"
    template = translatable("{path} does not define the need levels: {problem}.")
    hint = translatable("Begin with a copy of future_skills/level_definitions.yaml.")


class NotEnoughDataError(DataError):
    """There is too little data, or too short a history, for what was asked."""

    code = "data_not_enough"


class ArtifactError(FutureSkillsError):
    """The files of a version cannot be used."""

    code = "artifact_invalid"


class ArtifactExistsError(ArtifactError):
    """A version is written once. Details: ``path``."""

    code = "artifact_exists"
    template = translatable("{path} exists already, and a version is written once.")
    hint = translatable("Choose another --version, or register this pair with “manage.py registry register”.")


class ArtifactMissingError(ArtifactError):
    """A file of the pair is absent. Details: ``path``."""

    code = "artifact_missing"
    template = translatable("{path} does not exist.")


class ArtifactHashMismatchError(ArtifactError):
    """A file is not the one that was written. Details: ``path``, ``expected``, ``actual`` (sha256, hexadecimal)."""

    code = "artifact_hash_mismatch"
    template = translatable("{path} was changed after it was written: sha256 {actual}, expected {expected}.")
    hint = translatable("It was not opened. Restore the original file.")


class SignatureMissingError(ArtifactError):
    """Nobody vouches for the files. Details: ``path`` (of the ``.sig``), ``version``."""

    code = "signature_missing"
    template = translatable("{version} has no signature ({path}).")
    hint = translatable(
        "It was not opened. An administrator can sign what is kept: manage.py registry keys --sign {version}."
    )


class SignatureInvalidError(ArtifactError):
    """The signature does not vouch for the files. Details: ``path``."""

    code = "signature_invalid"
    template = translatable("{path} does not vouch for these files.")
    hint = translatable("Nothing was opened. Restore the original file, or ask where it comes from.")


class ArtifactTypeRefusedError(ArtifactError):
    """A pickle names types that are not allowed here. Details: ``path``, ``types`` (comma-separated)."""

    code = "artifact_type_refused"
    template = translatable("{path} was not opened: it names types that are not allowed here: {types}.")
    hint = translatable(
        "If you know who made it and what these types do, an administrator can add them to FUTURE_SKILLS_ALLOWED_TYPES."
    )


class ForeignModelError(ArtifactError):
    """A pickle from elsewhere that nobody answers for, or that cannot become a version. Details: ``path``, ``types``."""

    code = "foreign_model"
    template = translatable(
        "{path} comes from elsewhere: no manifest says what it is, nor who made it. It names types that are all allowed "
        "here: {types}."
    )
    hint = translatable(
        "An administrator who knows where it comes from can import it: manage.py registry import {path} --version NAME "
        "--dataset FILE --reason TEXT."
    )


class ArtifactUnreadableError(ArtifactError):
    """The file is the one that was written, and the libraries here cannot open it."""

    code = "artifact_unreadable"
    template = translatable("{path}: version {version} cannot be opened by this installation ({problem}).")
    hint = translatable("It was made with {libraries}: install these, or train it again from its dataset.")


class SmokeFailedError(ArtifactError):
    """A model does not give its stored answers. Details: ``version``, ``row``, ``difference``, ``said``, ``stored``."""

    code = "smoke_failed"
    template = translatable(
        "{version} does not answer as it did when it was trained: row {row} of its test cases is {said}, was {stored} "
        "(largest difference of a probability: {difference:.3g})."
    )
    hint = translatable("It is not used. “manage.py registry reproduce {version}” says which libraries have changed.")


class ManifestError(ArtifactError):
    """A manifest that cannot be read or does not follow its schema. Details: ``path``, ``problem``."""

    code = "manifest_invalid"
    template = translatable("{path} is not a manifest this version of the product understands: {problem}.")


class MissingFeaturesError(FutureSkillsError):
    """Rows lack a feature the model needs. Details: ``columns``. None is a missing value; an absent column is not."""

    code = "features_missing"
    template = translatable("The rows lack features the model needs: {columns}.")


class UnknownPairError(MissingFeaturesError):
    """A row that must be completed, and no snapshot to complete it from.

    Details: ``row`` (place, from 0), ``role``, ``skill``, ``columns`` (comma-separated), ``near`` (names like it).
    """

    code = "pair_unknown"
    template = translatable("“{role}” × “{skill}” has no snapshot from which these values could be taken: {columns}.")
    hint = translatable("Give them, or import a snapshot of the pair.")


class VersionExistsError(FutureSkillsError):
    """A version name, once used, is never used again. Details: ``version``."""

    code = "version_exists"
    template = translatable("Version {version} exists already.")
    hint = translatable("A version is written once: choose the next number.")


class VersionNotFoundError(FutureSkillsError):
    """No such version. Details: ``version``, ``known`` (comma-separated)."""

    code = "version_not_found"
    template = translatable("There is no version {version}. Known versions: {known}.")


class ReasonsUnavailableError(FutureSkillsError):
    """A version's answers come without reasons. Details: ``version``, ``algorithm`` (where it is none that is explained)."""

    code = "reasons_unavailable"


class NotReproducibleError(FutureSkillsError):
    """What is needed to train the version again was not kept."""

    code = "not_reproducible"


class SigningKeyError(FutureSkillsError):
    """The private key that signs versions cannot be used. Details: ``key``, ``path``, ``problem`` (where it cannot be read)."""

    code = "signing_key_unavailable"
    template = translatable("The private key {key} cannot be read: {path}: {problem}.")
    hint = translatable(
        "Put the key's file back, or let an administrator make a new key: manage.py registry keys --rotate."
    )


class StorageError(FutureSkillsError):
    """The disk or the database could not do what was asked (full, read-only, locked, unreachable). Details: ``problem``."""

    code = "storage_failed"
    template = translatable("The disk or the database refused: {problem}.")
    hint = translatable("Nothing was half-written. Mend that, and run the command again.")
    problems: ClassVar[dict[int, str]] = {
        errno.ENOSPC: translatable("no space is left on the disk"),
        errno.EACCES: translatable("permission denied"),
        errno.EROFS: translatable("the disk is read-only"),
    }

    @classmethod
    def of(cls, error: Exception) -> "StorageError":
        """From what the operating system or the database said; of two paths, the one that was asked for."""
        if not (isinstance(error, OSError) and error.strerror):
            return cls(problem=str(error).strip().rstrip("."))
        problem = Words(cls.problems[error.errno]) if error.errno in cls.problems else error.strerror
        path = error.filename2 or error.filename
        if path is None:
            return cls(problem=problem)
        return cls(translatable("{path}: {problem}."), path=str(path), problem=problem)


class DefectError(FutureSkillsError):
    """Something that nobody foresaw ended a piece of work. Details: ``problem``."""

    code = "defect"
    template = translatable("A defect of the product ended it: {problem}.")
    hint = translatable("The log of the process says where. Send it to whoever looks after the product.")

    @classmethod
    def of(cls, error: Exception) -> "DefectError":
        """From what was raised."""
        return cls(problem=f"{type(error).__name__}: {error}".strip().rstrip(".:")[:500])


class AuditChainError(FutureSkillsError):
    """The audit log was changed. Details: ``sequence`` (the first bad row), ``problem`` (words, translated with the message)."""

    code = "audit_chain_broken"
    template = translatable("The audit log is broken at event {sequence}: {problem}.")

    def explain(self, translate: Any = str) -> str:
        """The whole message, its words in the same language."""
        return str(translate(self.template)).format(**self.details | {"problem": translate(self.details["problem"])})


class AccessError(FutureSkillsError):
    """The person who acts may not. ``right_words``, ``role_words`` and ``problem`` are words, translated as the template is."""

    code = "access_refused"

    def explain(self, translate: Any = str) -> str:
        """The whole message, its words in the same language."""
        words: dict[str, str] = {
            name: translate(self.details[name]) for name in ("right_words", "problem") if name in self.details
        }
        words["role_words"] = ", ".join(translate(role) for role in self.details.get("role_words", ()))
        parts = [translate(part).format(**self.details | words) for part in (self.template, self.hint) if part]
        return " ".join(parts)


class NotAuthenticatedError(AccessError):
    """Nobody is known to act. Details: ``problem`` (with a token: what is wrong with it)."""

    code = "not_authenticated"
    template = translatable("Nobody is logged in.")
    hint = translatable("Log in, or give a token.")


class PermissionDeniedError(AccessError):
    """No role of the person has the right.

    Details: ``name``, ``right``, ``right_words``, ``roles`` (that have it), ``role_words``.
    """

    code = "permission_denied"
    template = translatable("{name} may not do this: it needs the right “{right_words}”.")
    hint = translatable("Roles that have it: {role_words}. An administrator gives roles.")


class ProofRequiredError(PermissionDeniedError):
    """The act needs the person's own login or own token. Details: ``name``, ``right``, ``right_words``."""

    code = "proof_required"
    template = translatable(
        "“{right_words}” is done in one's own name: log in on the pages, or set FUTURE_SKILLS_TOKEN to a token of your own."
    )
    hint = translatable("--as, FUTURE_SKILLS_ACTOR and the user of the operating system are not proof of who acts.")


class PromotionError(FutureSkillsError):
    """A version cannot go where it was sent."""

    code = "promotion_refused"


class NotAllowedError(PromotionError):
    """The stage of the version does not allow it. Details: ``version``, ``act``, ``stage``."""

    code = "not_allowed"


class OwnWorkError(PromotionError):
    """Nobody judges their own work, and nobody speaks for two teams. Details: ``version``, ``name``."""

    code = "own_work"
    template = translatable("{name} is the author of {version}, and nobody judges their own work.")
    hint = translatable("Ask somebody else who has the right.")


class NotPromotableError(PromotionError):
    """The criteria are not met. Details: ``version``, ``verdict``, ``checks`` (names of those that fail)."""

    code = "not_promotable"
    template = translatable("{version} cannot go into production: {missing}.")
    hint = translatable("“manage.py registry gate {version}” shows every criterion.")


class DeployedMeanwhileError(PromotionError):
    """Somebody else switched first. Details: ``version`` (now live), ``name``, ``at``."""

    code = "deployed_meanwhile"
    template = translatable("Nothing was done: {name} put {version} into production at {at}, a moment before.")
    hint = translatable("Look at it, and decide again.")


class SampleError(FutureSkillsError):
    """A validation sample cannot be labelled."""

    code = "sample_refused"


class SampleNotFoundError(SampleError):
    """No sample was drawn for the version. Details: ``version``."""

    code = "sample_not_found"
    template = translatable("No validation sample was drawn for {version}.")
    hint = translatable("A data scientist draws one: manage.py registry sample {version} --size 60 --seed 1.")


class SampleClosedError(SampleError):
    """The labels of a sample cannot change any more. Details: ``version``, ``sample``."""

    code = "sample_closed"
    template = translatable("The validation sample of {version} is complete: its labels do not change any more.")
    hint = translatable("Its result is shown by manage.py registry sample {version}, and on its page.")


class NotAnsweringError(FutureSkillsError):
    """Nothing can answer predictions now."""

    code = "not_answering"


class NothingLiveError(NotAnsweringError):
    """No version is in production."""

    code = "nothing_live"
    template = translatable("No version is in production.")
    hint = translatable("Deploy one: manage.py registry deploy VERSION.")


class ModelSuspendedError(NotAnsweringError):
    """Predictions are suspended. Details: ``reason``, ``name``, ``since``."""

    code = "model_suspended"
    template = translatable("Predictions have been suspended by {name} since {since}: {reason}")


class PredictionLogError(NotAnsweringError):
    """The prediction log could not be written, so nothing was answered and nothing stored. Details: ``problem``."""

    code = "prediction_log_unavailable"
    template = translatable("The prediction log cannot be written: {problem}.")
    hint = translatable("Nothing was answered and nothing was logged. Ask again in a moment.")


class PredictionNotFoundError(FutureSkillsError):
    """No such line in the prediction log: it never was, or it was purged. Details: ``prediction``."""

    code = "prediction_not_found"
    template = translatable("There is no prediction {prediction} in the log.")
    hint = translatable("Those older than the retention period are purged.")


class OverrideNotFoundError(FutureSkillsError):
    """Nobody decided that of a prediction. Details: ``override``."""

    code = "override_not_found"
    template = translatable("There is no decision {override} on a prediction.")


class OverriddenMeanwhileError(FutureSkillsError):
    """Somebody else decided of the same pair. Details: ``role``, ``skill``, ``name``, ``at``."""

    code = "overridden_meanwhile"
    template = translatable("Nothing was done: {name} decided of {role} × {skill} on {at}, and you had not read it.")
    hint = translatable("Read what they decided, and decide again.")


class OverrideOverError(FutureSkillsError):
    """It counts no longer. Details: ``override``."""

    code = "override_over"
    template = translatable(
        "Decision {override} counts no longer: it was replaced or withdrawn, or its last day is over."
    )


class TooManyRequestsError(FutureSkillsError):
    """One person asks more than the API answers. Details: ``name``, ``most`` (requests a minute), ``seconds`` to wait."""

    code = "too_many_requests"
    template = translatable("{name} has asked more than {most} times in this minute.")
    hint = translatable("Ask again in {seconds} s.")


class MonitoringError(FutureSkillsError):
    """Monitoring cannot do what was asked."""

    code = "monitoring_refused"


class MonitoringBusyError(MonitoringError):
    """Another process does it. Details: ``holder``."""

    code = "monitoring_busy"
    template = translatable("Another process is monitoring: {holder}.")
    hint = translatable("It goes on by itself; ask again once it is done.")


class WindowNotFoundError(MonitoringError):
    """There is no window of that number. Details: ``window``."""

    code = "window_not_found"
    template = translatable("There is no window {window}.")


class AlertNotFoundError(MonitoringError):
    """There is no alert of that number. Details: ``alert``."""

    code = "alert_not_found"
    template = translatable("There is no alert {alert}.")
    hint = translatable("“manage.py alerts” shows them all.")


class AlertClosedError(MonitoringError):
    """It is closed, or acknowledged, already. Details: ``alert``, ``name``, ``at``."""

    code = "alert_closed"
    template = translatable("Alert {alert} was dealt with by {name} on {at}, and you had not read it.")


class RequestNotFoundError(MonitoringError):
    """There is no retraining request of that number. Details: ``request``."""

    code = "request_not_found"
    template = translatable("There is no retraining request {request}.")


class RetrainingBusyError(MonitoringError):
    """One is under way already, or another process works on it. Details: ``request``, ``holder``."""

    code = "retraining_busy"
    template = translatable("Retraining request {request} is under way: {holder}.")


class RetrainingGivenUpError(MonitoringError):
    """It was taken up again and again, and never got further. Details: ``request``, ``attempts``."""

    code = "retraining_given_up"
    template = translatable("Retraining request {request} was taken up {attempts} times without getting further.")
    hint = translatable("The output of the worker says what happened. Mend that, and ask again.")


class CampaignError(FutureSkillsError):
    """A prediction campaign cannot be what was asked."""

    code = "campaign_refused"


class CampaignNotFoundError(CampaignError):
    """There is no campaign of that number. Details: ``campaign``."""

    code = "campaign_not_found"
    template = translatable("There is no campaign {campaign}.")
    hint = translatable("The page “Campaigns” and “manage.py list_campaigns” show them all.")


class CampaignBusyError(CampaignError):
    """Another process works on it. Details: ``campaign``, ``holder``."""

    code = "campaign_busy"
    template = translatable("Another process works on campaign {campaign}: {holder}.")
    hint = translatable("It goes on by itself; its page shows how far it is.")


class CampaignUnfinishedError(CampaignError):
    """It has no result yet, or never will. Details: ``campaign``, ``state``."""

    code = "campaign_unfinished"
    template = translatable("Campaign {campaign} has no result: it is not finished.")


class CampaignGivenUpError(CampaignError):
    """It was taken up again and again, and never got further. Details: ``campaign``, ``attempts``."""

    code = "campaign_given_up"
    template = translatable(
        "Campaign {campaign} was taken up {attempts} times without getting further: it was given up."
    )
    hint = translatable("The output of the worker says what happened. Mend that, and start another campaign.")
