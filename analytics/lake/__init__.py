"""Events as Parquet files, for SQL and for other programs: written in the order of positions, compacted, erased, asked.

The rows of ``LakeFile`` say which files are the lake; a file that has no row there is none of it and goes some time later.
"""
