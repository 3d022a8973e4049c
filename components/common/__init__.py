"""What every package may use: errors, atomic files, parameters, tables, file names."""
