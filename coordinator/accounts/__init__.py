"""Accounts, API keys and their scopes."""
