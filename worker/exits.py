"""The exit codes of supernet-worker, after sysexits.h: what a service manager is told."""

EXIT_OK = 0
EXIT_STOPPED = 1  # failed, or told to leave before it was done: another try may help
EXIT_AGAIN = 75  # TEMPFAIL
EXIT_CONFIG = 78  # CONFIG: the configuration or the key cannot work, and the unit does not restart
