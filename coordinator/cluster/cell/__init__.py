"""Jobs of other replicas' clients in our cell, and what their edges are told of them."""
