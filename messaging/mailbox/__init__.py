"""The built-in mailbox: an SMTP server that keeps what practice mode sends."""
