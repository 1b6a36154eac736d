"""Routing: where a ticket stands, who works on it, and what each agent holds.

Purpose: chooses the desk of each ticket by the topology of its scope and by who is open, gives
waiting tickets to agents with free capacity, obeys the agents' commands, and moves work on when
a desk closes, a clock or a person escalates, or a contact comes back.
Consumes: ``heliodesk.requests`` (accepted, message added, alerts changed) and
``heliodesk.clocks`` (escalated).
Emits: ``heliodesk.tickets`` (one stream per ticket) and ``heliodesk.shifts`` (one per agent).
Owns: status, queue, desk, tier, assignee, tasks and watchers of a ticket; presence and holds of an agent.
"""
