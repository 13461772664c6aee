"""Whether the installation is well: what runs, what waits, and the invariants."""
