"""What pages show: the whole record at a glance, one experiment in full, layers, results, planning and the catalog.

Read only. Every number comes from a finding, a look, a decision or the promise, and says which.
"""
