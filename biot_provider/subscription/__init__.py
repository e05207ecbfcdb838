"""Endpoints of one's own that the platform calls."""
