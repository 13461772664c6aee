"""Pinpoint's protocol, driven by botocore's own service model: routes, requests read, answers written. No schema of ours stands beside it."""
