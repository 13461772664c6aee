"""What every refusal has in common: a sentence that a person may read."""

from __future__ import annotations


class Refusal(Exception):
    """Something that was asked for and is not done.

    ``message`` is a (lazily) translated sentence that says what is wrong and what to do; views show it as it stands.
    Subclass it once for each kind of refusal, beside the service that raises it.
    """

    def __init__(self, message: object) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        return str(self.args[0])
