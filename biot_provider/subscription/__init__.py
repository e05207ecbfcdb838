"""Subscriptions of endpoints outside of the platform, which it calls."""
