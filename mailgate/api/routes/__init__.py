"""The handlers, one module per noun."""
