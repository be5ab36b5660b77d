"""Helm charts: where they come from, what they are given, and their releases."""
