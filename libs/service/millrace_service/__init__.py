"""What every process shares: settings base, logging, metrics registry, health, lifecycle."""
