"""What a preview reports about new subscriptions, from what is on the platform and what the program declares."""
