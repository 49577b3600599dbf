"""Logging in: passwords, sessions, links that work once, and the form behind them."""
