"""Brain: units and regions on the cortical surface, as a picture and as files that other viewers read."""
