"""Addresses of the pages of campaigns."""

from django.urls import path

from apps.serving.campaigns import views

app_name = "campaigns"
urlpatterns = [
    path("campaigns/", views.campaign_list, name="list"),
    path("campaigns/<int:campaign>/", views.campaign, name="campaign"),
    path("campaigns/<int:campaign>/pairs/", views.pairs, name="pairs"),
    path("campaigns/<int:campaign>/pairs.csv", views.pairs_csv, name="pairs_csv"),
    path("campaigns/<int:campaign>/pairs.xlsx", views.pairs_xlsx, name="pairs_xlsx"),
    path("campaigns/<int:campaign>/result.parquet", views.result, name="result"),
    path("campaigns/<int:campaign>/pair/", views.pair, name="pair"),
    path("campaigns/<int:campaign>/rising/", views.rising, name="rising"),
    path("campaigns/<int:campaign>/changes/", views.changes, name="changes"),
    path("campaigns/<int:campaign>/changes.csv", views.changes_csv, name="changes_csv"),
    path("campaigns/<int:campaign>/changes.xlsx", views.changes_xlsx, name="changes_xlsx"),
]
