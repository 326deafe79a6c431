"""Files that are whole or not there, and their hashes."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sha256_of_bytes(content: bytes) -> str:
    """Sha256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Sha256 of a file, hexadecimal, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def written_whole(path: Path, *, exclusive: bool = False) -> Iterator[Path]:
    """A temporary path beside ``path`` that becomes ``path`` at the end, or leaves nothing.

    Args:
        path: where the file goes; its folder is made.
        exclusive: refuse to replace a file that is there, even if it appeared meanwhile.

    Raises:
        FileExistsError: ``exclusive``, and the file is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if exclusive:
            os.link(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
