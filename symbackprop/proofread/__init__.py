"""What a person wrote, code or derivation, read and compared with what is derived."""
