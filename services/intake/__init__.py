"""Intake: every channel comes in here, and one request is one ticket.

Purpose: accepts requests, mails and alerts at its doors, once each, and says what a ticket is.
Consumes: ``heliodesk.tickets`` (closed, reopened, follow-up requested), ``heliodesk.alerts``
(CloudEvents of integrators), configuration and identities.
Emits: ``heliodesk.requests`` (one stream a ticket), ``heliodesk.contacts`` (one a contact).
Owns: receipts, contacts, conversations and messages, mails for review, alert groups, ticket
numbers; and of a ticket its kind, category, impact, urgency, priority, contact and links. It is
the one home of personal data and free text.
"""
