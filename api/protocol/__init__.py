"""Pinpoint's protocol, driven by botocore's own service model: routes, requests read, answers written. There is no schema of ours."""
