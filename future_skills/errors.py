"""The tree of refusals: one class per reason, its facts as attributes, no HTTP and no Django.

    FutureSkillsError
    ├── UsageError                   the call itself makes no sense (an option, a name, a value)
    ├── DataError                    the data cannot be used
    │   ├── DataFileError            … a file that cannot be read at all
    │   ├── MissingColumnsError      … a column that must be there
    │   ├── InvalidValuesError       … cells that cannot be understood, each with its place
    │   └── NotEnoughDataError       … too little of it, or too short a history
    ├── ArtifactError                the files of a version
    │   ├── ArtifactExistsError      … a version is written once
    │   ├── ArtifactMissingError     … a file of the pair is absent
    │   ├── ArtifactHashMismatchError … a file is not the one that was written
    │   ├── ArtifactUnreadableError  … a right file that this installation cannot open
    │   └── ManifestError            … a manifest that does not follow its schema
    ├── MissingFeaturesError         rows that lack a feature the model needs
    ├── VersionExistsError           a version name, once used, is never used again
    ├── VersionNotFoundError         no such version
    ├── NotReproducibleError         what is needed to train again was not kept
    ├── StorageError                 the disk or the database could not do it
    └── AuditChainError              the audit log was changed

Every class has a ``code`` (the same in commands, API and Python), a ``template`` (English; the doors translate it)
and ``details``, the named values that fill it. ``hint`` says what to do, and is translated in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


def translatable(message: str) -> str:
    """Mark a message for the translation catalogue; the library itself speaks English."""
    return message


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
        parts = [translate(part).format(**self.details) for part in (self.template, self.hint) if part]
        return " ".join(parts)


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


class ArtifactUnreadableError(ArtifactError):
    """The file is the one that was written, and the libraries here cannot open it."""

    code = "artifact_unreadable"
    template = translatable("{path}: version {version} cannot be opened by this installation ({problem}).")
    hint = translatable("It was made with {libraries}: install these, or train it again from its dataset.")


class ManifestError(ArtifactError):
    """A manifest that cannot be read or does not follow its schema. Details: ``path``, ``problem``."""

    code = "manifest_invalid"
    template = translatable("{path} is not a manifest this version of the product understands: {problem}.")


class MissingFeaturesError(FutureSkillsError):
    """Rows lack a feature the model needs. Details: ``columns``. None is a missing value; an absent column is not."""

    code = "features_missing"
    template = translatable("The rows lack features the model needs: {columns}.")


class VersionExistsError(FutureSkillsError):
    """A version name, once used, is never used again. Details: ``version``."""

    code = "version_exists"
    template = translatable("Version {version} exists already.")
    hint = translatable("A version is written once: choose the next number.")


class VersionNotFoundError(FutureSkillsError):
    """No such version. Details: ``version``, ``known`` (comma-separated)."""

    code = "version_not_found"
    template = translatable("There is no version {version}. Known versions: {known}.")


class NotReproducibleError(FutureSkillsError):
    """What is needed to train the version again was not kept."""

    code = "not_reproducible"


class StorageError(FutureSkillsError):
    """The disk or the database could not do what was asked (full, read-only, locked, unreachable). Details: ``problem``."""

    code = "storage_failed"
    template = translatable("The disk or the database could not do it: {problem}.")
    hint = translatable("Nothing was half-written. Mend that, and run the command again.")

    @classmethod
    def of(cls, error: Exception) -> "StorageError":
        """From what the operating system or the database said; of two paths, the one that was asked for."""
        problem = str(error).strip().rstrip(".")
        if isinstance(error, OSError) and error.strerror:
            path = error.filename2 or error.filename
            problem = error.strerror if path is None else f"{error.strerror}: {path}"
        return cls(problem=problem)


class AuditChainError(FutureSkillsError):
    """The audit log was changed. Details: ``sequence`` (the first bad row), ``problem``."""

    code = "audit_chain_broken"
    template = translatable("The audit log is broken at event {sequence}: {problem}.")
