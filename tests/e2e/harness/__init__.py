"""What the end-to-end tests stand on: Python's own library only, so that the clients owe the gateway nothing."""
