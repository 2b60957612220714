"""Images/s of a recipe's training in several processes, measured in turns: for comparisons on a machine that others use too."""

import os
import statistics
import subprocess
import sys
import time

SECONDS = 4  # of a measurement


def serve(name: str) -> None:
    """In a process of its own: train for about `SECONDS` at each line on stdin, and print images/s."""
    import gan_helpers as gh

    recipe = gh.recipes.get(name)
    images, classes = gh.load_fashion_mnist("train")
    gan = recipe.build()
    told = classes if gan.conditional else None
    dataset = gh.pipeline(images, recipe.batch_size, gan.pixel_range, 0, classes=told).repeat()

    def images_per_second(steps):
        began = time.perf_counter()
        gan.fit(dataset, steps_per_epoch=steps, verbose=0)
        return steps * recipe.batch_size / (time.perf_counter() - began)

    images_per_second(5)  # compiles
    steps = max(5, round(SECONDS * images_per_second(20) / recipe.batch_size))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(images_per_second(steps), flush=True)


def measure(name: str, contenders: dict[str, dict], rounds: int) -> dict[str, list[float]]:
    """Images/s of the recipe `name` under each contender's environment variables, in each round.

    Each is a process that waits while another is measured; every second round goes in the opposite order, and the first,
    which warms up, does not count.
    """
    processes = {}
    for contender, variables in contenders.items():
        processes[contender] = subprocess.Popen(
            [sys.executable, __file__, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables},
        )  # fmt: skip
        assert processes[contender].stdout.readline() == "ready\n"
    found = {contender: [] for contender in contenders}
    for i in range(rounds + 1):
        for contender in list(contenders)[:: 1 if i % 2 == 0 else -1]:
            print(file=processes[contender].stdin, flush=True)
            speed = float(processes[contender].stdout.readline())
            if i:
                found[contender].append(speed)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return found


def row(name: str, first: list[float], second: list[float]) -> str:
    """A line of a table: medians of both, and the median of the ratios second/first with their range."""
    ratios = sorted(b / a for a, b in zip(first, second))
    middle, low, high = statistics.median(ratios), ratios[0], ratios[-1]
    return (
        f"| {name} | {statistics.median(first):,.0f} | {statistics.median(second):,.0f} "
        f"| {middle:.3f} ({low:.3f} to {high:.3f}) |"
    )


if __name__ == "__main__":
    serve(sys.argv[1])
