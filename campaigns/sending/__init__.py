"""The send protocol (docs/adr/0003-send-protocol.md): freeze once, slices by lease and epoch, intent before sending, done with
the outcome. At most once, always."""
