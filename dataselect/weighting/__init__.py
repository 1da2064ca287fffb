"""Learn how to weigh many scores, or many domains, from the losses of small runs."""
