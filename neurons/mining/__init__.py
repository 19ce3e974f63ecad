"""The miner: answers the validators it knows, with one forecast for all of them, stored before it is sent."""
