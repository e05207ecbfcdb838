"""Who may call: logins, tokens, service users, people and permissions."""
