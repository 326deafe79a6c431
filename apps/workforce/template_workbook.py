"""The workbook an HR department fills in: French headings, definitions, units, examples, drop-downs and ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from future_skills import schema
from future_skills.snapshot_columns import FRENCH_HEADINGS, OPTIONAL_COLUMNS
from future_skills.snapshot_readers import DATA_SHEET
from future_skills.snapshot_values import FRENCH_LEVELS

HELP_SHEET: Final = "Lisez-moi"
LISTS_SHEET: Final = "Listes"
LAST_ROW: Final = 100_000
"""Rows of the sheet that carry drop-downs and ranges."""

SPARE_LINES: Final = 1_000
"""Lines of a list that are free for names to come."""

FEATURES: Final = {feature.name: feature for feature in schema.NUMERIC}
NEEDED: Final = {"optional": "facultatif", "number": "peut être vide", "name": "oui"}

REQUIRED_FILL: Final = PatternFill("solid", fgColor="1F3A5F")
OPTIONAL_FILL: Final = PatternFill("solid", fgColor="5B6B7F")
EXAMPLE_FILL: Final = PatternFill("solid", fgColor="FFF4CE")
LINE_BELOW: Final = Border(bottom=Side(style="thin", color="B8C2CC"))


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """What a person reads about a column.

    Attributes:
        definition: what to write there.
        unit: unit or form.
        example: a value that is accepted.
        width: of the column, in characters.
    """

    definition: str
    unit: str
    example: str | float
    width: int


COLUMNS: Final = {
    schema.PERIOD: TemplateColumn("Mois du relevé.", "mois, AAAA-MM", "2025-03", 19),
    schema.ROLE_CODE: TemplateColumn(
        "Code du métier dans votre référentiel. S’il est laissé vide, le métier est reconnu par son nom.",
        "texte, 200 caractères au plus",
        "SI-014",
        18,
    ),
    schema.ROLE: TemplateColumn(
        "Nom du métier ou du poste, toujours écrit de la même façon.",
        "texte, 200 caractères au plus",
        "Ingénieure ou ingénieur données",
        34,
    ),
    schema.DEPARTMENT: TemplateColumn(
        "Département ou direction du métier à cette période.",
        "texte, 200 caractères au plus",
        "Systèmes d’information",
        26,
    ),
    schema.SKILL: TemplateColumn(
        "Nom de la compétence, toujours écrit de la même façon (majuscules comprises).",
        "texte, 200 caractères au plus",
        "Python",
        30,
    ),
    schema.CATEGORY: TemplateColumn(
        "Famille de la compétence à cette période.",
        "texte, 200 caractères au plus",
        "Langages de programmation",
        28,
    ),
    "trend_score": TemplateColumn(
        "Évolution de la demande pour cette compétence : 0 = forte baisse, 0,5 = stable, 1 = forte hausse.",
        "de 0 à 1",
        0.62,
        18,
    ),
    "internal_usage": TemplateColumn(
        "Part des personnes du métier qui utilisent cette compétence : 0,40 pour 40 %.",
        "part, de 0 à 1",
        0.4,
        22,
    ),
    "training_requests": TemplateColumn(
        "Nombre de demandes de formation à cette compétence, sur la période, dans ce métier.",
        "nombre, 0 ou plus",
        12,
        23,
    ),
    "scarcity_index": TemplateColumn(
        "Rareté de la compétence sur le marché : 0 = répandue, 1 = introuvable.",
        "de 0 à 1",
        0.55,
        25,
    ),
    "hiring_difficulty": TemplateColumn(
        "Difficulté à recruter dans ce métier : 0 = facile, 1 = très difficile.",
        "de 0 à 1",
        0.7,
        32,
    ),
    "avg_salary_k": TemplateColumn(
        "Salaire brut annuel moyen du métier : 48,5 pour 48 500 €.",
        "milliers d’euros par an",
        48.5,
        21,
    ),
    "economic_indicator": TemplateColumn(
        "Indicateur économique de la période, le même pour toutes les lignes du mois ; par exemple le taux de chômage : "
        "7,3 pour 7,3 %.",
        "%, de -100 à 1000",
        7.3,
        27,
    ),
    schema.OBSERVED_LEVEL: TemplateColumn(
        "Besoin constaté pour cette compétence dans ce métier à cette période. À laisser vide s’il n’a pas été observé.",
        ", ".join(FRENCH_LEVELS.values()),
        FRENCH_LEVELS[schema.HIGH],
        26,
    ),
}
"""Every column of the template, in its order."""

HOW_TO: Final = (
    "Remplissez la feuille « Relevés » : une ligne par métier, par compétence et par mois.",
    "Laissez vide ce que vous ne savez pas : une case vide veut dire « inconnu ». N’écrivez ni 0, ni « - », ni « N/A ».",
    "Gardez les en-têtes. Les nombres peuvent être vides, les noms et le mois non ; les colonnes grises sont facultatives.",
    "Gardez la même écriture d’un mois à l’autre : « Python » et « python » sont deux compétences.",
    "Les listes déroulantes proposent ce qui est écrit dans la feuille « Listes » : ajoutez-y vos noms, une fois pour toutes.",
    "Enregistrez le classeur, puis lancez : python manage.py import_snapshots releve.xlsx",
    "Si une ligne est incorrecte, rien n’est importé : le message donne la ligne, la colonne, la valeur et la raison.",
    "Importer deux fois le même fichier ne change rien ; importer un fichier corrigé met à jour.",
    "L’exemple ci-dessous n’est pas importé : seule la feuille « Relevés » est lue.",
)


def template_workbook(*, known: Mapping[str, Sequence[str]]) -> Workbook:
    """The workbook: the sheet to fill in, the explanations, and the lists behind the drop-downs.

    Args:
        known: each column of text -> values to offer in its drop-down, none perhaps; other values stay allowed.
    """
    book = Workbook()
    rows = book.active
    if not isinstance(rows, Worksheet):  # a new workbook has one worksheet
        message = "openpyxl gave no worksheet"
        raise TypeError(message)
    rows.title = DATA_SHEET
    _write_headings(rows)
    _write_help(book.create_sheet(HELP_SHEET))
    lists = book.create_sheet(LISTS_SHEET)
    offered = {
        column: _write_list(lists, number, column, known[column]) for number, column in enumerate(known, start=1)
    }
    for number, column in enumerate(COLUMNS, start=1):
        rows.add_data_validation(_validation(column, get_column_letter(number), offered.get(column, "")))
    return book


def _write_headings(sheet: Worksheet) -> None:
    """Row 1: headings; it stays in view, and each column has its width and format."""
    for number, (column, about) in enumerate(COLUMNS.items(), start=1):
        cell = sheet.cell(row=1, column=number, value=FRENCH_HEADINGS[column])
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = OPTIONAL_FILL if column in OPTIONAL_COLUMNS else REQUIRED_FILL
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        dimension = sheet.column_dimensions[get_column_letter(number)]
        dimension.width = about.width
        # As text, Excel does not turn “2025-03” or the code “3-12” into a date.
        dimension.number_format = "General" if column in FEATURES else "@"
    sheet.row_dimensions[1].height = 32
    sheet.freeze_panes = "A2"


def _write_help(sheet: Worksheet) -> None:
    """What the columns mean, with an example row written downwards."""
    sheet["A1"] = "Relevé des compétences : mode d’emploi"
    sheet["A1"].font = Font(bold=True, size=14)
    for number, text in enumerate(HOW_TO, start=1):
        sheet.cell(row=number + 2, column=1, value=f"{number}. {text}").alignment = Alignment(wrap_text=True)
        sheet.merge_cells(start_row=number + 2, start_column=1, end_row=number + 2, end_column=5)
        sheet.row_dimensions[number + 2].height = 32
    top = len(HOW_TO) + 4
    headings = ("Colonne", "Définition", "Unité ou forme", "Exemple (non importé)", "Obligatoire")
    for number, heading in enumerate(headings, start=1):
        cell = sheet.cell(row=top, column=number, value=heading)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = REQUIRED_FILL
    for line, (column, about) in enumerate(COLUMNS.items(), start=top + 1):
        needed = NEEDED["optional" if column in OPTIONAL_COLUMNS else "number" if column in FEATURES else "name"]
        values = (FRENCH_HEADINGS[column], about.definition, about.unit, about.example, needed)
        for number, value in enumerate(values, start=1):
            cell = sheet.cell(row=line, column=number, value=value)
            cell.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
            cell.border = LINE_BELOW
        sheet.cell(row=line, column=1).font = Font(bold=True)
        sheet.cell(row=line, column=4).fill = EXAMPLE_FILL
    for letter, width in zip("ABCDE", (34, 70, 28, 32, 16), strict=True):
        sheet.column_dimensions[letter].width = width


def _write_list(sheet: Worksheet, number: int, column: str, values: Sequence[str]) -> str:
    """Write the values of a drop-down under a heading; return the formula of those that stand there, once filled in."""
    head = sheet.cell(row=1, column=number, value=FRENCH_HEADINGS[column])
    head.font, head.fill = Font(bold=True, color="FFFFFF"), REQUIRED_FILL
    letter = get_column_letter(number)
    sheet.column_dimensions[letter].width = COLUMNS[column].width
    sheet.column_dimensions[letter].number_format = "@"
    for line, value in enumerate(values, start=2):
        cell = sheet.cell(row=line, column=number, value=value)
        cell.data_type = "s"  # a name that begins with “=” is a name
    first = f"'{LISTS_SHEET}'!${letter}$2"
    return f"OFFSET({first},0,0,MAX(1,COUNTA({first}:${letter}${len(values) + 1 + SPARE_LINES})),1)"


def _validation(column: str, letter: str, offered: str) -> DataValidation:
    """Drop-down or range of a column, with its definition shown beside the selected cell."""
    about = COLUMNS[column]
    feature = FEATURES.get(column)
    if column == schema.OBSERVED_LEVEL:
        levels = ",".join(FRENCH_LEVELS.values())
        validation = DataValidation(type="list", formula1=f'"{levels}"', allow_blank=True)
        validation.error = f"Choisissez {about.unit}, ou laissez vide."
    elif feature is not None:
        bounds = (f"{feature.minimum:.0f}", f"{feature.maximum:.0f}")
        validation = DataValidation(
            type="decimal", operator="between", formula1=bounds[0], formula2=bounds[1], allow_blank=True
        )
        validation.error = f"Écrivez un nombre entre {bounds[0]} et {bounds[1]}, ou laissez vide."
    else:
        validation = DataValidation(type="list", formula1=offered, allow_blank=True)
    validation.errorTitle = "Valeur à corriger"
    # A list of known names is a help, not a limit: a new skill must be writable.
    validation.showErrorMessage = not offered
    validation.promptTitle = FRENCH_HEADINGS[column][:32]
    example = about.example if isinstance(about.example, str) else f"{about.example:g}".replace(".", ",")
    validation.prompt = f"{about.definition} Exemple : {example}"
    validation.showInputMessage = True
    validation.add(f"{letter}2:{letter}{LAST_ROW}")
    return validation
