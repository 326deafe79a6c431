"""Addresses of the pages of predictions."""

from django.urls import path

from apps.serving import log_views, pair_views
from apps.serving.overrides import views as override_views

app_name = "serving"
urlpatterns = [
    path("predict/", pair_views.predict, name="predict"),
    path("predictions/", log_views.prediction_log, name="log"),
    path("predictions.csv", log_views.predictions_csv, name="log_csv"),
    path("predictions/<str:prediction>/", log_views.prediction, name="prediction"),
    path("overrides/", override_views.overrides, name="overrides"),
    path("overrides/decide/", override_views.decide, name="override"),
    path("overrides/withdraw/<int:override>/", override_views.withdraw, name="withdraw_override"),
]
