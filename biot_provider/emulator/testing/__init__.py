"""What tests order: faults, altered responses, edits, and the log of requests."""
