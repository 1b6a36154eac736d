"""Other people's servers: mailboxes, and the hosts that files are fetched from."""
