"""The same folders again; `fakes/` has what stands in for others."""
