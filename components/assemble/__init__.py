"""Stage assemble: two trained networks and the choices made on validation patients become one layered model."""
