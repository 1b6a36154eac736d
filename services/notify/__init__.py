"""Notify: tells people what happens to their tickets, by mail.

Purpose: plans at most one notice per cause and recipient, renders it in the recipient's language,
sends it by SMTP, tries again for days, and records what became of it.
Consumes: ``heliodesk.requests`` (accepted, message added), ``heliodesk.tickets`` (queued
without a topology, assigned, referred, resolved, escalated by people, watchers) and
``heliodesk.clocks`` (warned, breached, escalated).
Emits: ``heliodesk.notices`` (one stream per ticket).
Owns: notices and their delivery; claims of those that are being sent; the shipped templates.

What holds: exactly one acknowledgement per ticket whose contact can be reached by mail. A notice
has one Message-ID for ever, that of its planned event. A process that dies between sending and
recording cannot know what the server took: the next one sends again under the same Message-ID.
So a mail may be repeated, once per such death, never doubled under a second id. With a slot the
next start does so at once; without one it waits until the claim's lease is over.
An agent who takes a ticket without being given it is not told of the own deed.
"""
