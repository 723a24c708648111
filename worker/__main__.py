import sys

try:
    from worker.cli.main import main
except KeyboardInterrupt:  # before there is anybody who knows what to do with one
    if __name__ != "__main__":
        raise
    print("supernet-worker: stopped by a signal", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
