"""Where the console commands start; installed, all the rest lies in it."""
