"""The suppression lists: what tells addresses apart, who is on one, and files of addresses."""

from messaging.suppression.checking import Check, suppressed_endpoints
from messaging.suppression.keys import erased_key, key_of

__all__ = ["Check", "erased_key", "key_of", "suppressed_endpoints"]
