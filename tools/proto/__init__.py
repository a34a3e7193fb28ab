"""From the contract to the code: generating, comparing, checking for breaks."""
