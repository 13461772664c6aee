"""The benchmarks: ``python -m bench`` (``make bench``). Each timing stands beside its yardstick, taken in the same run."""
