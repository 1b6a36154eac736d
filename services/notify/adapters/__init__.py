"""The outside world of notify, behind its ports: SMTP and the templates."""
