"""The numbers beside the events, made again from the events: to see that they are right, and to set them right."""
