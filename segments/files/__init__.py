"""Files that are not in Pinpoint's format: other encodings, workbooks, other columns. Each becomes a copy in UTF-8 CSV.

``shape`` tells what a file is, ``mapping`` says what its columns are, ``copying`` writes the copy, line for line: what the importer
says of line 12 of the copy holds for line 12 (row 12) of the file.
"""
