"""After which steps an unfinished picture is shown: pure."""


def preview_steps(steps: int, previews: int) -> frozenset[int]:
    """So many steps, evenly between the first and the last, counted from 1; never the last, which is the picture."""
    return frozenset(round(steps * (at + 1) / (previews + 1)) for at in range(previews)) - {0, steps}
