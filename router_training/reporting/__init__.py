"""An evaluation for people: one page, pictures, and a summary, all written to one folder."""
