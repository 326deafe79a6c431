"""The French catalogue: every message of the sources is in it, each is translated, and what is compiled is what is written."""

import ast
import gettext
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale/fr/LC_MESSAGES/django.po"
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "translatable"}
TEXT = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
FOLDERS = ("apps", "config", "future_skills", "ml", "templates")


def messages_of(source: str) -> Iterator[str]:
    """The first string of each marked call, found without running anything (templates are not quite Python)."""
    calls = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for index, token in enumerate(calls[:-2]):
        if token.type != tokenize.NAME or token.string not in MARKS or calls[index + 1].string != "(":
            continue
        parts = []
        for following in calls[index + 2 :]:
            if following.type == tokenize.STRING:
                parts.append(ast.literal_eval(following.string))
            elif following.type not in {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT}:
                break
        if parts:
            yield "".join(parts)


def template_messages(path: Path) -> Iterator[str]:
    code = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    for line in re.findall(rf"n?gettext\((?:{TEXT}|[^'\"()])*\)", code):  # a text may hold brackets
        yield from messages_of(line)


def source_messages() -> set[str]:
    found: set[str] = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            found.update(messages_of(path.read_text(encoding="utf-8")))
        for path in (ROOT / folder).rglob("*.html"):
            found.update(template_messages(path))
    return found - {""}


def written_entries() -> list[dict[str, str]]:
    """The entries of the .po file: its keywords (msgid, msgid_plural, msgstr, msgstr[0] …) and ``flags``."""
    entries: list[dict[str, str]] = []
    for block in CATALOGUE.read_text(encoding="utf-8").split("\n\n"):
        entry: dict[str, str] = {"flags": ""}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#,"):
                entry["flags"] = line
            elif not line.startswith("#") and line:
                head, quote, rest = line.partition('"')
                keyword = head.strip() or keyword
                entry[keyword] = entry.get(keyword, "") + ast.literal_eval(quote + rest)
        entries.append(entry)
    return entries


def test_every_message_of_the_sources_is_in_the_catalogue() -> None:
    known = {entry.get("msgid", "") for entry in written_entries()}
    missing = sorted(source_messages() - known)
    assert not missing, f"run “make messages”, then translate: {missing}"


def test_the_catalogue_holds_nothing_that_left_the_sources() -> None:
    left = sorted({entry.get("msgid", "") for entry in written_entries()} - source_messages() - {""})
    assert not left, f"run “make messages”: {left}"


def test_every_message_is_translated_and_none_is_a_guess() -> None:
    entries = [entry for entry in written_entries() if entry.get("msgid")]
    assert entries
    for entry in entries:
        texts = [text for keyword, text in entry.items() if keyword.startswith("msgstr")]
        assert texts, entry
        assert all(texts), entry
        assert "fuzzy" not in entry["flags"], entry


def test_a_translation_fills_the_same_names() -> None:
    for entry in written_entries():
        if not entry.get("msgid"):
            continue
        wanted = names(entry["msgid"]) | names(entry.get("msgid_plural", ""))
        for keyword, text in entry.items():
            if keyword.startswith("msgstr"):
                assert names(text) <= wanted, entry
                assert names(text) >= names(entry["msgid"]) & names(entry.get("msgid_plural", entry["msgid"])), entry


def names(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s|\{(\w+)", text))


def test_what_is_compiled_is_what_is_written() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in written_entries():
        if not entry.get("msgid"):
            continue
        if "msgid_plural" in entry:
            for number in (0, 1, 2):
                said = compiled.ngettext(entry["msgid"], entry["msgid_plural"], number)
                assert said == entry[f"msgstr[{int(number > 1)}]"]
        else:
            assert compiled.gettext(entry["msgid"]) == entry["msgstr"], "run “make messages”"
