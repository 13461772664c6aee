"""Chosen campaigns side by side."""
