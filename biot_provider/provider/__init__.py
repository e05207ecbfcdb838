"""The Pulumi side: one pair of files per resource, and what all resources share."""
