"""Accounts, API keys, their scopes and limits."""
