"""The page: what is built of ``page``, as browsers load it."""
