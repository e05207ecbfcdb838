"""The patient API, which triggers the plugins."""
