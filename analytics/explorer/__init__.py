"""Questions about one type of events: with which attributes and metrics, by what, how many or how much, when.

Without conditions the counters answer. Else the events are read: from the table while they are few, from the lake where they are many.
"""

from analytics.explorer.answering import answer
from analytics.explorer.known import Known, known_names, known_values
from analytics.explorer.question import BY_CAMPAIGN, Answer, Cut, Group, Measure, Question, QuestionRefused

__all__ = [
    "BY_CAMPAIGN",
    "Answer",
    "Cut",
    "Group",
    "Known",
    "Measure",
    "Question",
    "QuestionRefused",
    "answer",
    "known_names",
    "known_values",
]
