"""Claude as the reader of questions, through Anthropic's SDK; imported only where a key is set."""
