"""Real servers for tests: each in a temporary directory of its own, on free loopback ports, ended by its own pid."""
