"""Single people: what there is of them, and that it does not come back once it was erased."""
