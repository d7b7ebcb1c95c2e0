"""An AWS on this machine, to try everything on: started, found again, stopped and emptied."""
