"""Files and folders that are whole or not there, and their hashes.

What is being written has a hidden temporary name beside its own, and its process holds a lock on it. A process that is
killed leaves it there without the lock: whoever writes to the same place next takes it away.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
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
    with _temporary_beside(path) as temporary:
        yield temporary
        _flush(temporary)
        if exclusive:
            os.link(temporary, path)
        else:
            temporary.replace(path)


def write_new_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that must not be there yet: all of them or none, the last one last.

    A process that is killed half-way leaves files that ``take_back_new_files`` knows.

    Raises:
        FileExistsError: one of them is there.
        OSError: the disk is full or read-only.
    """
    with ExitStack() as stack:
        temporaries = {path: stack.enter_context(_temporary_beside(path)) for path in contents}
        for path, temporary in temporaries.items():
            temporary.write_bytes(contents[path])
            _flush(temporary)
        with ExitStack() as undo:
            for path, temporary in temporaries.items():
                os.link(temporary, path)
                undo.callback(path.unlink, missing_ok=True)
            undo.pop_all()


def take_back_new_files(paths: Sequence[Path]) -> None:
    """Take away what a killed ``write_new_files`` left: its temporary files and, where the last one is not there, the others.

    A file of the same name that somebody else made stays: only the very file of an abandoned temporary one goes.
    """
    whole = paths[-1].exists()
    for path in paths:
        for leftover in _abandoned(path.parent, _temporary_names(path)):
            if not whole and path.exists() and path.samefile(leftover):
                path.unlink()
            leftover.unlink()


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    """An empty file, locked, that is taken away at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in _abandoned(path.parent, _temporary_names(path)):
        leftover.unlink()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with temporary.open("xb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _temporary_names(path: Path) -> str:
    return f".{escape(path.name)}.*.tmp"


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that becomes it at the end, or leaves nothing.

    Where ``folder`` appeared meanwhile it stays as it is.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in _abandoned(folder.parent, ".*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    held = os.open(temporary, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
        yield temporary
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        os.close(held)
        shutil.rmtree(temporary, ignore_errors=True)


def _abandoned(folder: Path, pattern: str) -> Iterator[Path]:
    """What processes that were killed left in ``folder``; what somebody is writing, or closed to us, is passed over."""
    for leftover in folder.glob(pattern):
        with suppress(OSError):
            held = os.open(leftover, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield leftover
            finally:
                os.close(held)
