"""Addresses of logins, of one's own account, and of the audit log."""

from django.urls import path

from apps.accounts import audit_views, views

app_name = "accounts"
urlpatterns = [
    path("login/", views.log_in, name="login"),
    path("logout/", views.log_out, name="logout"),
    path("account/", views.account, name="account"),
    path("account/password/", views.change_password, name="password"),
    path("account/tokens/<str:prefix>/revoke/", views.revoke, name="revoke_token"),
    path("audit/", audit_views.audit_log, name="audit"),
    path("audit.csv", audit_views.audit_csv, name="audit_csv"),
    path("audit.json", audit_views.audit_json, name="audit_json"),
]
