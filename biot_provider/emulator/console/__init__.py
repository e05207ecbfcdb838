"""The console: one page in a browser that shows what the platform holds and what happens on it."""
