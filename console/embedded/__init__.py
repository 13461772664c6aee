"""The servers that come with Pabal: PostgreSQL and Valkey from wheels, started by us on this machine only."""
