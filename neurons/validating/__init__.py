"""The validator: opens rounds, asks miners, records what they say, learns the truth, scores and pays."""
