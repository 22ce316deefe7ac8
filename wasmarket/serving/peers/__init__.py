"""Ask peers at their endpoints who they are and what they say of themselves."""
