"""Pinpoint's key performance indicators (reference, section 10): declared, computed from counters and sets, never from events."""

from analytics.kpis.declarations import KPIS, Kpi, Scope
from analytics.kpis.results import KpiRefused, KpiResult, kpi_result

__all__ = ["KPIS", "Kpi", "KpiRefused", "KpiResult", "Scope", "kpi_result"]
