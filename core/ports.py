"""Ports: what a lower floor asks or tells a higher one without knowing it. The higher app registers in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Port(Generic[P, R]):
    """A named list of callables. ``call`` asks all of them, in the order of their names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._takers: dict[str, Callable[P, R]] = {}

    def register(self, name: str, taker: Callable[P, R]) -> None:
        """Registering a name twice replaces the taker, so that ``ready`` may run again."""
        self._takers[name] = taker

    def forget(self, name: str) -> None:
        self._takers.pop(name, None)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [self._takers[name](*args, **kwargs) for name in sorted(self._takers)]
