"""The parts of an evaluation: curves, controls, bootstrap, verdict, picture."""
