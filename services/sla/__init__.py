"""The clocks of each ticket: what was promised, how much of it is used, what is done about it.

- **Purpose**: response and resolution clocks on business calendars, which follow the desk that
  holds the work, pause while it waits for others, warn, breach and escalate, and explain
  themselves.
- **Consumes**: ``heliodesk.requests`` (what a ticket is; an agent's message is the response) and
  ``heliodesk.tickets`` (where it stands).
- **Emits**: ``heliodesk.clocks``; one stream for each ticket, under the ticket's id.
- **Owns**: one document of all clocks of a ticket, with its pause ledger and desk ledgers.

What counts, in short (``domain/`` says why):

- Clocks start when the request was accepted, whichever event of the ticket comes first.
- The response is a message to the contact by an agent, or the resolution. Accepting is none.
- Waiting for the contact, a change or an instant pauses; waiting for a supplier does not, since
  the supplier's time is part of what was promised.
- The policies are those of the version with which the first event of the ticket was decided; a
  desk's calendar is that of the version with which the work was handed to it. Later versions
  change nothing in clocks that run.
- The time before the first desk is known is charged to the first desk.
- A deadline is exhausted *at* its instant; a breach, a warning and a step come strictly after.
"""
