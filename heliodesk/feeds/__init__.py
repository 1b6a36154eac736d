"""iCalendar feeds (RFC 5545): from their events to the days of a business calendar."""
