"""Pages of transforms: SQL that makes tables of the lake."""
