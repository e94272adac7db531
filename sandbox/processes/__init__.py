"""Child processes: run, watched, ready, ended; and the ports that they listen on."""
