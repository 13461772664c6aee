"""Moving house: a folder of what Pinpoint's API answered becomes projects, templates, endpoints, segments and campaigns (ADR 34)."""
