"""What an event's page, referrer, user agent and addresses say: pure functions of text, cached by text."""
