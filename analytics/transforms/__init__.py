"""SQL that makes tables of the lake: each answer takes the place of the one before of the same part of time.

A row of ``TransformWindow`` says that something is new in an hour or a day; ``TransformFile`` which files are the table. Killed anywhere,
the window is still to be asked about and the files that were written belong to nobody.
"""
