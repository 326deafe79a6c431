"""Whether a version may be trusted with people's questions: its files, who vouches for them, what it answers."""

from apps.registry.models import ModelVersion
from apps.registry.store import open_version
from future_skills.artifact import check_cases
from future_skills.errors import ManifestError, translatable


def require_sound(version: ModelVersion) -> None:
    """Refuse a version that is not, to the last byte, what was registered, or does not answer as it did.

    Every file is hashed, in the store and in the published pair, with the kept copy of the dataset; the signature is
    checked; then the model is opened, and asked its stored test cases.

    Args:
        version: a registered version.

    Raises:
        ArtifactMissingError: a file is absent.
        ArtifactHashMismatchError: a file was changed.
        SignatureMissingError, SignatureInvalidError: nobody vouches for the files.
        ArtifactTypeRefusedError, ArtifactUnreadableError: the model cannot be opened here.
        ManifestError: its row says something else than its manifest, or it keeps no test cases.
        SmokeFailedError: it no longer gives its stored answers.
    """
    loaded = open_version(version, dataset=True)
    if loaded.manifest != version.words:
        raise ManifestError(
            translatable("The registry's row of {version} does not say what its manifest says ({path})."),
            hint=translatable("Somebody changed the database: restore it, and look at the audit log."),
            version=version.name,
            path=str(loaded.paths.manifest),
        )
    check_cases(loaded)
