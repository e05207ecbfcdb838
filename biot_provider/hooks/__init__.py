"""Whom the platform calls for what, and in which order: pure functions over what is declared or shown."""
