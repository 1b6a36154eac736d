"""What intake decides, pure: normal forms, contacts, tickets, alerts, receipts."""
