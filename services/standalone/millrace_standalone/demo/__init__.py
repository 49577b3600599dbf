"""A believable web shop that never was: who comes, when, from where, and what they do. The same seed tells the same story."""
