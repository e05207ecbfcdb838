"""Subscriptions to interceptions and notifications, and the reference data they name."""
