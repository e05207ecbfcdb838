"""Delivers events to plugins and other subscribers."""
