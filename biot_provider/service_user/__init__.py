"""Service users and their secret keys."""
