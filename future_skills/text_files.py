"""Text files from anywhere: their encoding and separator, what is cut short or too long, in words with a line.

The importer of HR facts and the reader of datasets stand on it.
"""

import codecs
import csv
import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from future_skills.errors import DataFileError, translatable
from future_skills.snapshot_columns import normal_heading

LINE_LIMIT: Final = 1_000_000
"""Longest line of a text file, in characters: what is longer is no line, and would fill the memory."""

CHUNK_BYTES: Final = 1 << 20


def damaged(path: Path, problem: object) -> DataFileError:
    """The refusal of a file that breaks off or is not what it should be."""
    return DataFileError(
        translatable("{path} is damaged or cut short."),  # what a library says of it, in English, is in the details
        hint=translatable("Copy or save it again from the original."),
        path=str(path),
        problem=str(problem).strip().rstrip(".").splitlines()[0][:200] if str(problem).strip() else "—",
    )


def is_gzip(path: Path) -> bool:
    """Whether the name says that the file is packed."""
    return path.name.lower().endswith(".gz")


def declared_delimiter(line: str) -> str:
    """The separator that a first line ``sep=;`` declares (Excel's own convention); "" for any other line."""
    text = line.lstrip("\ufeff").rstrip("\r\n")
    return text[4] if len(text) == 5 and text.lower().startswith("sep=") and text[4] in ";,\t" else ""


def binary_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a text file, unpacked if need be."""
    with ExitStack() as stack, broken_gzip_refused(path):
        raw = stack.enter_context(path.open("rb"))
        binary = stack.enter_context(gzip.GzipFile(fileobj=raw)) if is_gzip(path) else raw
        while chunk := binary.read(CHUNK_BYTES):
            yield chunk


@contextmanager
def broken_gzip_refused(path: Path) -> Iterator[None]:
    """Turn what a broken ``.gz`` raises into a refusal."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged(path, error) from error


def find_encoding(path: Path) -> str:
    """UTF-8, UTF-16 (by its first bytes), or else Windows-1252, once the whole file was read through.

    Raises:
        DataFileError: it is none of these, or holds NUL bytes.
    """
    head = next(binary_chunks(path), b"")
    if not head.strip():
        raise DataFileError(translatable("{path} is empty."), path=str(path))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    else:
        refuse_nul_bytes(path)
        candidates = ["utf-8-sig", "cp1252"]
    for encoding in candidates:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for chunk in binary_chunks(path):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise DataFileError(
        translatable("{path} is not text in UTF-8, UTF-16 or Windows-1252."),
        hint=translatable("Save it again as CSV UTF-8."),
        path=str(path),
    )


def refuse_nul_bytes(path: Path) -> None:
    """Refuse a file that holds NUL bytes: it is no text, or lost its end in a crash.

    Raises:
        DataFileError: names the line of the first one.
    """
    line = 1
    for chunk in binary_chunks(path):
        place = chunk.find(b"\0")
        if place >= 0:
            raise DataFileError(
                translatable("{path}, line {line}: there is a NUL byte; this is not a text file, or it is damaged."),
                hint=translatable("Save it again as CSV UTF-8."),
                path=str(path),
                line=line + chunk.count(b"\n", 0, place),
            )
        line += chunk.count(b"\n")


def limited_lines(path: Path, text: IO[str]) -> Iterator[str]:
    """The lines of a text.

    Raises:
        DataFileError: a line is too long to be one.
    """
    number = 0
    while line := text.readline(LINE_LIMIT):
        number += 1
        if len(line) == LINE_LIMIT:
            raise DataFileError(
                translatable("{path}, line {line}: the line is longer than {limit} characters."),
                path=str(path),
                line=number,
                limit=LINE_LIMIT,
            )
        yield line


def find_delimiter(first_line: str, known: Collection[str]) -> str:
    """The separator under which a line of headings holds the most known ones (``normal_heading``).

    Raises:
        csv.Error: the line is none of a CSV.
    """

    def recognised(delimiter: str) -> tuple[int, int]:
        headings = next(csv.reader([first_line], delimiter=delimiter), [])
        return sum(normal_heading(heading) in known for heading in headings), len(headings)

    return declared_delimiter(first_line) or max(";\t,", key=recognised)


BLOCK_BYTES: Final = 4 << 20


def row_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a CSV, unpacked if need be, cut between rows: a line break inside quotes ends none.

    Raises:
        DataFileError: a row is too long to be one (a quote that nothing closes), or the file is damaged.
    """
    rest = b""
    for chunk in binary_chunks(path):
        rest += chunk
        if len(rest) < BLOCK_BYTES:
            continue
        end = _row_end(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
        if len(rest) > 2 * BLOCK_BYTES:
            raise damaged(path, "a quote that nothing closes")
    if rest:
        yield rest


def _row_end(block: bytes) -> int:
    """Where the last whole row of a block ends; 0 where there is none."""
    end = block.rfind(b"\n")
    while end >= 0 and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, block.rfind(b'"', 0, end))  # inside quotes: before they were opened
    return end + 1
