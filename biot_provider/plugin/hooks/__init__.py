"""What a preview reports about a plugin's subscriptions: missing APIs and entities, and other subscribers."""
