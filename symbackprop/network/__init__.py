"""Networks, defined by equations, as text or ready made; their reference evaluation."""
