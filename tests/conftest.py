"""Fixtures for every test. The servers are real: see console/embedded for how they are started."""

from __future__ import annotations
