"""How many, how fast, when: the limits of campaigns and of projects (docs/adr/0013-limits.md).

The worker asks the ``Gate`` before and after each small batch. What no limit is set for is asked of nobody.
"""

from campaigns.limits.document import (
    CampaignLimits,
    LimitsRefused,
    ProjectRules,
    parse_limits,
    parse_rules,
    rules_of,
    with_defaults,
)
from campaigns.limits.gate import Gate, MustWait, Stopped, nap
from campaigns.limits.holds import Hold
from campaigns.limits.quiet import QuietTime
from campaigns.limits.spread import Spread
from campaigns.limits.waiting import WaitingLine, waiting
from campaigns.limits.wording import duration, sentences

__all__ = [
    "CampaignLimits",
    "Gate",
    "Hold",
    "LimitsRefused",
    "MustWait",
    "ProjectRules",
    "QuietTime",
    "Spread",
    "Stopped",
    "WaitingLine",
    "duration",
    "nap",
    "parse_limits",
    "parse_rules",
    "rules_of",
    "sentences",
    "waiting",
    "with_defaults",
]
