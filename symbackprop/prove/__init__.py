"""Every step proved, by witnesses that share nothing with the table of rules."""
