"""Networks as equations: as typed text, or ready-made models; and their reference evaluation."""
