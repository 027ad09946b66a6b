"""`arbiter warm`."""

from arbiter.cli.output import note


def warm() -> None:
    """Compile the kernels into their cache, so that no start waits for it."""
    import time

    from arbiter.kernels.warm import warm as compile_kernels

    began = time.perf_counter()
    names = compile_kernels()
    note(f"kernels ready in {time.perf_counter() - began:.1f} s: {', '.join(names)}")
