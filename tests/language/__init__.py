"""Texts and their translations: what stands in the code, and what the catalogues have."""
