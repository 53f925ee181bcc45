"""Pages that people look at: documents with their formulas marked."""
