"""Experiments that put the rules of pay to the test, each with a verdict; runnable/simulate_rewards.py runs them."""
