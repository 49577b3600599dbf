"""Keys, users, sessions and the trail of their changes; who a credential belongs to."""
