"""The demo: an invented payment platform with a year behind it, the same one at every start.

Names, public IDs and figures come from one seeded random generator; times count back from the moment of the seed. Rows
are written directly and not through the verbs, because a verb acts now and with new random IDs; what the verbs leave
behind (one audit event for every change, whole chain, whole tree) is left here too, and tests hold it against
`check_tree` and `check_audit`.
"""
