"""The steps from one schema to the next, run by Alembic. Never edit one that was released: add another."""
