"""Addresses of the registry's pages."""

from django.urls import path
from django.views.generic import RedirectView

from apps.registry import views

app_name = "registry"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="registry:versions"), name="home"),
    path("versions/", views.versions, name="versions"),
    path("versions.csv", views.versions_csv, name="versions_csv"),
    path("versions/<str:name>/", views.version, name="version"),
    path("compare/", views.compare, name="compare"),
]
