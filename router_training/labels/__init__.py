"""Labelling in parts: task files, journal, budget, calls, bill, grading. `router_training.labelling` is the front door."""
