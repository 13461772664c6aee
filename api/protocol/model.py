"""The service model ``pinpoint`` of the botocore that is installed: operations and shapes. The only module here that knows botocore."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.loaders


@dataclass(frozen=True, slots=True)
class Operation:
    """``input`` and ``output`` are names of shapes; ``status`` is what a success answers; ``errors`` are names of exceptions."""

    name: str
    method: str
    uri: str
    status: int
    input: str
    output: str | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """``shapes`` as botocore has them, by name."""

    operations: Mapping[str, Operation]
    shapes: Mapping[str, Mapping[str, Any]]

    def payload(self, shape: str | None) -> tuple[str, str] | None:
        """The member that is the body, and its shape; None where a request or an answer has no body."""
        found = self.shapes[shape] if shape else {}
        name = found.get("payload")
        return (name, found["members"][name]["shape"]) if name else None


@functools.cache
def model() -> Model:
    """Read once a process; it takes some fifty milliseconds."""
    read = botocore.loaders.Loader().load_service_model("pinpoint", "service-2")
    operations = {
        name: Operation(
            name=name, method=one["http"]["method"], uri=one["http"]["requestUri"], status=one["http"].get("responseCode", 200),
            input=one["input"]["shape"], output=one["output"]["shape"] if "output" in one else None,
            errors=tuple(error["shape"] for error in one.get("errors", [])),
        )
        for name, one in read["operations"].items()
    }  # fmt: skip
    return Model(operations=operations, shapes=read["shapes"])
