"""Messages to single people at once, as Pinpoint's SendMessages sends them (reference, section 8.1): e-mails, at most once each.

``content`` makes a message for each recipient of what the request says; ``messaging.services.direct_messages`` sends them.
"""

from messaging.direct.content import DirectMessage, DirectRefused, Recipient, Substitutions, message_for

__all__ = ["DirectMessage", "DirectRefused", "Recipient", "Substitutions", "message_for"]
