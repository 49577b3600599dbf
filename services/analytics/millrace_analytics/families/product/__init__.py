"""The product family: funnels, cohorts, what happens now, and SQL."""
