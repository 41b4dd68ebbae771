"""Whether recordings have seen enough: windows, convergence per domain, behaviours, ageing."""
