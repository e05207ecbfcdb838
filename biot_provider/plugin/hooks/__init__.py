"""What a preview says of the subscriptions of a plugin: what the platform lacks for them, and whom they meet."""
