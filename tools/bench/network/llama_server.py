"""The llama-server of xllamacpp, run by the Python of an environment of its own: FILE PORT SLOTS CONTEXT THREADS."""

import signal
import sys

import xllamacpp


def main() -> None:
    path, port, slots, context, threads = sys.argv[1], *map(int, sys.argv[2:6])
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = slots * context
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.pause()


main()
