"""The commerce family: metric queries and the summary of metrics."""
