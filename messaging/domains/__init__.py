"""Domains as senders: their keys, their DNS records, what DNS says of them, and the signature of their messages."""
