"""console: what people see. Live queues, tickets with their timeline, desks around the clock.

Consumes: ``heliodesk.requests``, ``heliodesk.tickets``, ``heliodesk.shifts``, ``heliodesk.clocks``,
``heliodesk.notices``, ``heliodesk.suggestions``.
Emits: nothing. What an agent does here is a command over HTTP to the service that owns the field,
under the agent's own signed token.
Owns: a projection that can be thrown away and is then read again from the topics: one row per
event, one summary per ticket, presence and holds per agent, and the list of changes that open
pages follow. Texts and names are read from intake for each view and are not kept.
"""
