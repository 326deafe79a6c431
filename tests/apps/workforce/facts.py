"""Files of HR facts made by code, and what the database holds."""

import csv
import io
from typing import Any

from django.apps import apps

from future_skills import schema

GOOD_ROW: dict[str, str] = {
    "period": "2024-03",
    "job_role_code": "SI-014",
    "job_role_name": "Data engineer",
    "job_department": "IT",
    "skill_name": "Python",
    "skill_category": "Languages",
    "trend_score": "0.5",
    "internal_usage": "0.25",
    "training_requests": "12",
    "scarcity_index": "0.125",
    "hiring_difficulty": "0.75",
    "avg_salary_k": "48.5",
    "economic_indicator": "7.3",
    "observed_need_level": "HIGH",
}


def row(**changes: str) -> dict[str, str]:
    """A good row, with some cells changed."""
    return {**GOOD_ROW, **changes}


def csv_text(*rows: dict[str, str], delimiter: str = ",", columns: tuple[str, ...] = schema.SNAPSHOT_COLUMNS) -> str:
    """The text of a CSV of these rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def database() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of this product."""
    models = [model for room in ("audit", "workforce") for model in apps.get_app_config(room).get_models()]
    return {model._meta.label: list(model.objects.order_by("pk").values_list()) for model in models}
