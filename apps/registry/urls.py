"""Addresses of the registry's pages."""

from django.urls import URLPattern

app_name = "registry"
urlpatterns: list[URLPattern] = []
