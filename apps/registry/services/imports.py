"""The verb that takes in a model trained elsewhere: a pickle that no manifest comes with."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.rights import Right, require, verb
from apps.registry.models import ModelVersion
from apps.registry.selectors import find_dataset
from apps.registry.services.datasets import register_dataset_file
from apps.registry.services.versions import require_new_version, take_in
from apps.registry.store import dataset_path
from apps.registry.words import required_words
from future_skills.artifact import VersionPaths, check_cases, load_version, remove_version, require_absent
from future_skills.dataset import Dataset, read_dataset
from future_skills.errors import (
    ArtifactHashMismatchError,
    ArtifactMissingError,
    ForeignModelError,
    UsageError,
    translatable,
)
from future_skills.files import sha256_of_bytes
from future_skills.foreign import measure_foreign, open_foreign
from future_skills.training import VersionWords, write_trained


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredOn:
    """The dataset whose test rows say what an imported model is worth.

    Attributes:
        path: of a file, which is registered; else:
        sha256: of a registered dataset, or how it begins.
        test_period: see ``future_skills.split.split_rows``.
        period_column: the file's own name of ``period``.
        label_period_column: the file's own name of ``label_period``.
    """

    path: Path | None = None
    sha256: str = ""
    test_period: str | None = None
    period_column: str = "period"
    label_period_column: str = "label_period"

    def read(self) -> Dataset:
        """Its rows.

        Raises:
            UsageError: no such dataset is registered.
            DataError, ArtifactError: the file cannot be read, or the kept copy was changed.
        """
        columns = {"period_column": self.period_column, "label_period_column": self.label_period_column}
        if self.path is not None:
            return read_dataset(self.path, **columns)
        row = find_dataset(self.sha256)
        path = dataset_path(row)
        dataset = read_dataset(path, **columns)
        if dataset.sha256 != row.sha256:
            raise ArtifactHashMismatchError(path=str(path), expected=row.sha256, actual=dataset.sha256)
        return replace(dataset, name=row.name)


@verb(Right.REGISTER, Right.ADMINISTER)
def import_version(
    *,
    actor: Actor,
    path: Path,
    version: str | None,
    scored_on: ScoredOn | None,
    reason: str,
    on_step: Callable[[str], None],
) -> ModelVersion:
    """Take in a model trained elsewhere, under the name of somebody who answers for it.

    Whoever registers may have the file scanned: what it names is told, and it is refused. An administrator who gives a
    reason takes it in: it is measured on rows of ours, written with a manifest of ours, registered and signed.

    Args:
        actor: who imports.
        path: of the pickle.
        version: its name here.
        scored_on: where the rows are.
        reason: where it comes from and why it is trusted, in words; empty for a scan.
        on_step: called with the name of each step as it begins.

    Raises:
        ArtifactMissingError: there is no such file.
        ArtifactTypeRefusedError: it names types that are not allowed; FUTURE_SKILLS_ALLOWED_TYPES says which are, besides.
        ForeignModelError: nobody answers for it, or it cannot become a version.
        PermissionDeniedError: a reason is given, and not by an administrator.
        UsageError: no name, or no dataset.
        VersionExistsError, ArtifactExistsError: the name was used already.
        DataError: the rows cannot be used.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactMissingError(path=str(path)) from error
    on_step(translatable("read the types that it names"))
    opened = open_foreign(content, path=str(path), allowed_types=settings.FUTURE_SKILLS_ALLOWED_TYPES)
    if not reason.strip():
        raise ForeignModelError(path=str(path), types=", ".join(opened.types))
    require(actor, Right.ADMINISTER)
    reason = required_words(reason, translatable("An import needs a reason, of 10 000 characters at most."))
    if not version or scored_on is None:
        raise UsageError(translatable("An import needs --version, and --dataset or --registered-dataset."))
    sha256 = sha256_of_bytes(content)
    words = VersionWords(
        version=version,
        author=actor.name,
        parent=None,
        changes="",
        notes=f"{reason}\n{path.name}, sha256 {sha256}",
        started=timezone.now(),
    )
    require_new_version(version)
    paths = VersionPaths(settings.ML_DIR / f"future_skills_model_{version}.pkl")
    require_absent(paths)
    on_step(translatable("read the dataset"))
    dataset = scored_on.read()
    on_step(translatable("measure on its test rows"))
    trained, recipe = measure_foreign(opened.value, dataset, path=str(path), test_period=scored_on.test_period)
    write_trained(dataset, trained, recipe, paths=paths, words=words, clock=timezone.now, on_step=on_step)
    with ExitStack() as undo:
        undo.callback(remove_version, paths)
        on_step(translatable("open what was written, and register it"))
        check_cases(load_version(paths.model, allowed_types=settings.FUTURE_SKILLS_ALLOWED_TYPES))
        if scored_on.path is not None:
            register_dataset_file(actor=actor, path=scored_on.path, dataset=dataset)
        row = take_in(
            actor=actor,
            path=paths.model,
            action="registry.import_version",
            details={"file": path.name, "file_sha256": sha256, "types": list(opened.types), "reason": reason},
        )
        undo.pop_all()
    return row
