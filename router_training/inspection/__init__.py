"""The label doctor: what is wrong with a table of outcomes, and whether there is anything to route."""
