"""Facets: for each value of an attribute, who carries it. Every writer of endpoints tells what it changes of that."""

from endpoints.facets.changes import Changes as Changes
from endpoints.facets.subjects import Subject as Subject
from endpoints.facets.subjects import SubjectKind as SubjectKind
from endpoints.facets.subjects import values_of as values_of
