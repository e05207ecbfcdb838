"""Which subscribers the platform calls for what, and in which order: pure functions over subscriptions."""

PRE_REQUEST, POST_REQUEST, ADAPT_ENTITY = "PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"

DEFAULT_ORDER = 1
"""The order of a plugin's interceptions if it gives none (BioT API 2.4.2, interceptionOrder)."""
