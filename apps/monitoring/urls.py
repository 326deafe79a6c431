"""Addresses of the pages of monitoring."""

from django.urls import path

from apps.monitoring import replay_views, views

app_name = "monitoring"
urlpatterns = [
    path("monitoring/", views.overview, name="overview"),
    path("monitoring/windows/<int:window>/", views.window, name="window"),
    path("monitoring/windows/<int:window>/report.html", views.window_report, name="window_report"),
    path("monitoring/alerts/", views.alert_list, name="alerts"),
    path("monitoring/alerts/<int:alert>/", views.alert, name="alert"),
    path("monitoring/alerts/<int:alert>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("monitoring/alerts/<int:alert>/close/", views.close, name="close"),
    path("monitoring/retrainings/", views.retraining_list, name="retrainings"),
    path("monitoring/retrainings/<int:number>/", views.retraining, name="retraining"),
    path("monitoring/policy/", views.policy, name="policy"),
    path("monitoring/replay/", replay_views.replay, name="replay"),
    path("monitoring/replay/report.html", replay_views.replay_report, name="replay_report"),
]
