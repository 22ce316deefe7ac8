"""What units cost, by the epoch or by work, before anything is offered."""
