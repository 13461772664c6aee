"""Pages of numbers over time, each picture with its numbers as a table."""
