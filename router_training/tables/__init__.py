"""Outcome tables: files, checks, near-duplicates, and gold joined with feedback."""
