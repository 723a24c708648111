"""Writes coordinator/api/openapi.json: what the API takes is read off the code that reads requests."""
