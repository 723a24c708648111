"""Accounts, keys and money: the one room that knows the database."""
