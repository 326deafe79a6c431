"""MLflow's side of ``benchmarks/serving.py``, run by the Python of an environment that has MLflow and this product's needs.

python serve_side.py MODEL.pkl FOLDER      the pipeline as an MLflow model that answers with probabilities
"""

import sys

import joblib
import mlflow.sklearn


def main() -> None:
    model, folder = sys.argv[1:]
    mlflow.sklearn.save_model(
        joblib.load(model), folder, pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
    )


if __name__ == "__main__":
    main()
