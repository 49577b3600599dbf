"""The product family: funnels, cohorts and what happens now."""
