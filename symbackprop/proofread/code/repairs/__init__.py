"""Repairs of gradient code: small edits of its source by which the gradients are right, which name the mistake."""
