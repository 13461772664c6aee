"""Stored messages: their documents in Pinpoint's shape, what those may hold, and what is made of them."""
