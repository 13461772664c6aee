"""The one way by which endpoints and users are written: Pinpoint's merge rules, limits, the same-address rule, facets.

``write`` takes items that are complete (reference, section 2); services and the import engine call it in their transaction.
"""
