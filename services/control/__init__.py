"""control: the configuration's versions, and who may do what.

Purpose: checks a configuration and puts it in force by compare-and-set; keeps every version for
ever; knows identities, their tokens and passwords; signs the short-lived tokens of people.
Consumes: nothing; like every service it follows configuration and identities.
Emits: section_stored, configuration applied; identity changed, signing key published.
Owns: configuration versions and sections, identities, passwords, private signing keys. The last
two are in its own rows only, never in an event: a lost store loses them, and the bootstrap token
is the way back in.
"""
