"""The command dataselect."""
