"""The page of SQL: queries over the project's events, what came of them, and people of a result as a segment."""
