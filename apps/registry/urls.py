"""Addresses of the registry's pages."""

from django.urls import path
from django.views.generic import RedirectView

from apps.accounts.access import needs
from apps.accounts.rights import Right
from apps.registry import gate_views, production_views, sample_views, views

app_name = "registry"
urlpatterns = [
    path("", needs(Right.READ)(RedirectView.as_view(pattern_name="registry:versions")), name="home"),
    path("versions/", views.versions, name="versions"),
    path("versions.csv", views.versions_csv, name="versions_csv"),
    path("versions/<str:name>/", views.version, name="version"),
    path("versions/<str:name>/gate/", gate_views.gate, name="gate"),
    path("versions/<str:name>/gate/evaluate/", gate_views.evaluate, name="evaluate"),
    path("versions/<str:name>/gate/approve/", gate_views.approve, name="approve"),
    path("versions/<str:name>/gate/reject/", gate_views.reject, name="reject"),
    path("versions/<str:name>/gate/withdraw/", gate_views.withdraw, name="withdraw"),
    path("versions/<str:name>/gate/override/", gate_views.override, name="override"),
    path("versions/<str:name>/reports/<str:sha256>/", gate_views.report, name="report"),
    path("versions/<str:name>/reports/<str:sha256>.json", gate_views.report_json, name="report_json"),
    path("versions/<str:name>/sample/", sample_views.sample, name="sample"),
    path("versions/<str:name>/sample/draw/", sample_views.draw, name="draw"),
    path("versions/<str:name>/sample/label/", sample_views.next_row, name="next_row"),
    path("versions/<str:name>/sample/label/<int:position>/", sample_views.label, name="label"),
    path("versions/<str:name>/sample/send/", sample_views.send_workbook, name="send_workbook"),
    path("versions/<str:name>/sample.xlsx", sample_views.workbook, name="workbook"),
    path("versions/<str:name>/deploy/", production_views.deploy, name="deploy"),
    path("compare/", views.compare, name="compare"),
    path("production/", production_views.production, name="production"),
    path("production/rollback/", production_views.rollback, name="rollback"),
    path("production/suspend/", production_views.suspension, name="suspend"),
    path("production/resume/", production_views.resumption, name="resume"),
    path("decisions/", gate_views.decisions, name="decisions"),
    path("definitions/", sample_views.definitions, name="definitions"),
    path("works-council/", gate_views.works_council, name="works_council"),
    path("policy/", gate_views.policy, name="policy"),
]
