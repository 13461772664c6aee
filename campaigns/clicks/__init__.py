"""Which link of which message was clicked."""
