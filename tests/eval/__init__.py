"""How often questions in plain language are answered rightly: `make eval`."""
