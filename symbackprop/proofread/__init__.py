"""Judgement of what a user wrote."""
