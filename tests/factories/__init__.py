"""Builders of rows for tests, a module for each app: ``from tests.factories import projects``."""
