"""The warehouse inside this process: chDB, driven through clickhouse-connect. Nothing outside of this package names either."""
