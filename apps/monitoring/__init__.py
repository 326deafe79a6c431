"""Production watched: windows compared with what a version stands on, its accuracy, alerts, retraining."""
