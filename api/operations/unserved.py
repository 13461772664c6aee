"""What Pabal does not have: recommender models, in-app messages, one-time passwords (reference, sections 5.4 and 8.2)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Recommenders, in-app messages, one-time passwords"
_RECOMMENDERS = Unserved("recommender models are not part of Pabal yet.")
_PASSWORDS = Unserved("one-time passwords are not part of Pabal yet.")

TABLE: dict[str, Entry] = {
    "CreateRecommenderConfiguration": _RECOMMENDERS,
    "GetRecommenderConfiguration": _RECOMMENDERS,
    "GetRecommenderConfigurations": _RECOMMENDERS,
    "UpdateRecommenderConfiguration": _RECOMMENDERS,
    "DeleteRecommenderConfiguration": _RECOMMENDERS,
    "GetInAppMessages": Unserved("in-app messages are not delivered by Pabal yet."),
    "SendOTPMessage": _PASSWORDS,
    "VerifyOTPMessage": _PASSWORDS,
}
