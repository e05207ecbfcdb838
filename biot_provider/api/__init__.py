"""The platform over HTTP."""
