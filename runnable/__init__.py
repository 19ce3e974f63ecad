"""Everything you start by hand."""
