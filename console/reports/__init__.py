"""The weekly report: a project's numbers by mail, to those who are chosen."""
