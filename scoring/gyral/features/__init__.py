"""Features: one layer's array with named axes, extracted once and cached."""
