"""Future Skills ML: how much each skill will be needed in each job role, and whether the model that says so can be trusted.

The library holds every rule that is true without a database; a notebook uses it as it is:

    from future_skills import Recipe, train, evaluate, load_version
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from future_skills.artifact import LoadedVersion, load_version
    from future_skills.dataset import Dataset, build_dataset, read_dataset
    from future_skills.diagnosis import diagnose
    from future_skills.evaluation import check_metrics, compare, evaluate
    from future_skills.prediction import Predictor
    from future_skills.training import Recipe, fit_and_measure, train

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "LoadedVersion",
    "Predictor",
    "Recipe",
    "build_dataset",
    "check_metrics",
    "compare",
    "diagnose",
    "evaluate",
    "fit_and_measure",
    "load_version",
    "read_dataset",
    "train",
]

_HOMES = {
    "Dataset": "dataset",
    "LoadedVersion": "artifact",
    "Predictor": "prediction",
    "Recipe": "training",
    "build_dataset": "dataset",
    "check_metrics": "evaluation",
    "compare": "evaluation",
    "diagnose": "diagnosis",
    "evaluate": "evaluation",
    "fit_and_measure": "training",
    "load_version": "artifact",
    "read_dataset": "dataset",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a web page or ``--help`` does not wait for scikit-learn."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
