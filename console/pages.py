"""Addresses that need every name."""

from __future__ import annotations

from django.urls import path

from console import views
from console.comparison import views as comparison
from console.dashboards import views as dashboards
from console.deliverability import views as deliverability
from console.readers import views as readers
from console.reports import views as reports
from console.sql import remote
from console.sql import views as sql
from console.statistics import demographics, exploring, making_points, revenue
from console.statistics import views as statistics
from console.transforms import views as transforms

app_name = "console"
urlpatterns = [
    path("p/<str:project_id>/", views.show_overview, name="show-overview"),
    path("p/<str:project_id>/statistics/", statistics.show_statistics, name="show-statistics"),
    path("p/<str:project_id>/statistics/usage/", statistics.show_usage, name="show-usage"),
    path("p/<str:project_id>/statistics/events/", statistics.show_events, name="show-events"),
    path("p/<str:project_id>/statistics/events/explore/", exploring.explore_events, name="explore-events"),
    path("p/<str:project_id>/statistics/campaigns/", comparison.compare_campaigns, name="compare-campaigns"),
    path("p/<str:project_id>/statistics/point/", making_points.make_point_segment, name="make-point-segment"),
    path("p/<str:project_id>/statistics/campaigns/<str:campaign_id>/readers/", readers.show_readers, name="show-readers"),
    path("p/<str:project_id>/statistics/domains/", deliverability.show_deliverability, name="show-deliverability"),
    path("p/<str:project_id>/statistics/funnel/", statistics.show_funnel, name="show-funnel"),
    path("p/<str:project_id>/statistics/funnel/segment/", statistics.create_funnel_segment, name="create-funnel-segment"),
    path("p/<str:project_id>/statistics/revenue/", revenue.show_revenue, name="show-revenue"),
    path("p/<str:project_id>/statistics/demographics/", demographics.show_demographics, name="show-demographics"),
    path("p/<str:project_id>/statistics/report/", reports.show_report, name="show-report"),
    path("p/<str:project_id>/statistics/report/send/", reports.send_report, name="send-report"),
    path("reports/off/<str:token>/", reports.turn_off_report, name="turn-off-report"),
    path("p/<str:project_id>/sql/", sql.show_sql, name="show-sql"),
    path("p/<str:project_id>/sql/run/", sql.run_sql, name="run-sql"),
    path("p/<str:project_id>/sql/download/", sql.download_sql, name="download-sql"),
    path("p/<str:project_id>/sql/segment/", sql.create_sql_segment, name="create-sql-segment"),
    path("p/<str:project_id>/sql/athena/", remote.run_in_athena, name="run-in-athena"),
    path("p/<str:project_id>/sql/athena/<int:remote_id>/", remote.show_remote_query, name="show-remote-query"),
    path("p/<str:project_id>/sql/athena/<int:remote_id>/cancel/", remote.cancel_remote_query, name="cancel-remote-query"),
    path("p/<str:project_id>/sql/chart/", sql.chart_sql, name="chart-sql"),
    path("p/<str:project_id>/sql/pin/", sql.pin_query, name="pin-query"),
    path("p/<str:project_id>/sql/save/", sql.save_query, name="save-query"),
    path("p/<str:project_id>/sql/saved/<int:query_id>/delete/", sql.delete_query, name="delete-query"),
    path("p/<str:project_id>/dashboards/", dashboards.list_dashboards, name="list-dashboards"),
    path("p/<str:project_id>/dashboards/create/", dashboards.create_dashboard, name="create-dashboard"),
    path("p/<str:project_id>/dashboards/<int:dashboard_id>/", dashboards.show_dashboard, name="show-dashboard"),
    path("p/<str:project_id>/dashboards/<int:dashboard_id>/change/", dashboards.change_dashboard, name="change-dashboard"),
    path("p/<str:project_id>/dashboards/<int:dashboard_id>/delete/", dashboards.delete_dashboard, name="delete-dashboard"),
    path("p/<str:project_id>/dashboards/<int:dashboard_id>/refresh/", dashboards.refresh_dashboard, name="refresh-dashboard"),
    path("p/<str:project_id>/dashboards/<int:dashboard_id>/arrange/", dashboards.arrange_dashboard, name="arrange-dashboard"),
    path("p/<str:project_id>/dashboards/tiles/<int:tile_id>/", dashboards.show_tile, name="show-tile"),
    path("p/<str:project_id>/dashboards/tiles/<int:tile_id>/move/", dashboards.move_tile, name="move-tile"),
    path("p/<str:project_id>/dashboards/tiles/<int:tile_id>/resize/", dashboards.resize_tile, name="resize-tile"),
    path("p/<str:project_id>/dashboards/tiles/<int:tile_id>/remove/", dashboards.remove_tile, name="remove-tile"),
    path("p/<str:project_id>/transforms/", transforms.list_transforms, name="list-transforms"),
    path("p/<str:project_id>/transforms/create/", transforms.create_transform, name="create-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/", transforms.show_transform, name="show-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/change/", transforms.change_transform, name="change-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/pause/", transforms.pause_transform, name="pause-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/resume/", transforms.resume_transform, name="resume-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/run/", transforms.run_transform, name="run-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/backfill/", transforms.backfill_transform, name="backfill-transform"),
    path("p/<str:project_id>/transforms/<int:transform_id>/delete/", transforms.delete_transform, name="delete-transform"),
    path("health/", views.show_health, name="show-health"),
    path("health/check/", views.check_invariants, name="check-invariants"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
