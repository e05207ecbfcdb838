"""Authentication and permissions: logins, tokens, service users and people."""
