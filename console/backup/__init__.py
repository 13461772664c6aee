"""A backup of the installation: the database and what lies beside it, with a manifest that says what must be there."""
