"""Knowledge: articles that help, found by anybody, suggested for each new ticket.

Purpose: keeps articles, answers full-text search in English and Chinese, and attaches to each new
ticket the articles that may solve it.
Consumes: ``heliodesk.requests`` (accepted); every process follows ``heliodesk.knowledge`` whole.
Emits: ``heliodesk.knowledge`` (one stream per article) and ``heliodesk.suggestions`` (one per
ticket).
Owns: articles, the search index, suggestions.

What holds: a ticket gets its suggestions once, possibly none. The index lives in the memory of
each process, one for each tenant, and is made of the topic at every start; until it has caught up
with the topic's end as it was then, nothing is searched and nothing suggested. An article can be
found a moment after it was written, not at once.
"""
