"""Questions that boards, pages and the API ask; each at a constant number of queries."""
