"""Tools for tests: faults, changed responses, edits, and the log of requests."""
