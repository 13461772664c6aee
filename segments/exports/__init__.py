"""Endpoints as files: Pinpoint's JSON lines, and tables (CSV, XLSX) made of them."""
