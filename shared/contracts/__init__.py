"""Where services meet: the envelope, the events by producer, the topics, the internal read APIs."""
