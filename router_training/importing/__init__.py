"""From foreign files to outcomes: tolerant reading, the checks of one cell, and the writing of what was fine."""
