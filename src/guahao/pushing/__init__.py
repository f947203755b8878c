"""Notify hospitals by webhook. One run of the pusher is one hospital's; none waits for another."""
