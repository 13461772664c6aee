"""Who calls: signatures, keys and their rights, rates, calls that come twice."""
