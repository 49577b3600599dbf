"""The documentation; ``generate`` writes its reference pages."""
