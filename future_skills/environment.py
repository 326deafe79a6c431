"""What the code runs on."""

import platform
from importlib.metadata import version

from future_skills.manifest import Environment

LIBRARIES = ("scikit-learn", "numpy", "scipy", "polars", "joblib")


def current_environment() -> Environment:
    """Versions of Python, of the libraries that make a model, and the platform."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        libraries={name: version(name) for name in LIBRARIES},
    )
