"""Questions of the metric layer as they are."""
