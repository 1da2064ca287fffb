"""The commands nasproxy and dataselect: arguments, progress and printing, no logic."""
