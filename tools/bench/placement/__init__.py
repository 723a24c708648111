"""scripts/bench placement: placement by prefix beside placement at random."""
