"""Repeatable measurements; see README.md here."""
