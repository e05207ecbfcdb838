"""The lifecycle that all kinds of resources share."""
