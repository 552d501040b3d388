#!/usr/bin/env python3
"""Times impasto beside the reference on this machine, in turns, and prints the tables of docs/performance.md.

    cargo build --release
    pip install -r tools/requirements.txt
    python tools/compare.py target/release/impasto

Both run a VGG-19 of seeded weights (tools/seeded.py) on the same threads and the same sample pictures. Every figure is the
median of several runs that take turns, so that a neighbour's load falls on both. A ratio is impasto's time over the
reference's: below 1, impasto is the faster.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONTENT, STYLE = ROOT / "assets/samples/chelsea.png", ROOT / "assets/samples/painting.jpg"


def seeded_weights(path):
    import torch
    from safetensors.torch import save_file

    from seeded import seeded_weights

    save_file({name: torch.as_tensor(value).contiguous() for name, value in seeded_weights("vgg19", 19).items()}, path)


class Sides:
    def __init__(self, arguments, folder):
        self.impasto, self.threads = arguments.impasto, str(arguments.threads)
        self.weights = folder / "vgg19.safetensors"
        seeded_weights(self.weights)
        self.environment = {**os.environ, "IMPASTO__WEIGHTS__VGG19": str(self.weights)}

    def ours(self, size, epochs, precision="f32", threads=None):
        command = [self.impasto, "bench", "--json", "--backbone", "vgg19", "--device", "cpu", "--precision", precision,
                   "--sizes", size, "--epochs", str(epochs), "--threads", threads or self.threads]
        return json.loads(subprocess.check_output(command, env=self.environment))

    def theirs(self, size, epochs, bf16=False):
        """The reference's seconds an epoch, and the most memory it held, in bytes."""
        command = [sys.executable, ROOT / "tools/reference.py", "--weights", self.weights, "--content", CONTENT, "--style",
                   STYLE, "--stage", f"{size}:{epochs}", "--every", str(epochs), "--threads", self.threads]
        timed = ["/usr/bin/env", "python3", "-c", MEASURE, *map(str, command), *(["--bf16"] if bf16 else [])]
        *_, last, memory = subprocess.check_output(timed).decode().splitlines()
        return json.loads(last)["seconds_per_epoch"], int(memory) * 1024


# A child's peak is read where it was the only child.
MEASURE = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")


def epochs_for(size):
    width, height = map(int, size.split("x"))
    return max(4, min(40, 2_400_000 // (width * height)))


def compare(sides, size, rounds, precision):
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(sides.ours(size, epochs_for(size), precision))
        theirs.append(sides.theirs(size, epochs_for(size), precision == "bf16"))
    seconds = statistics.median(run["seconds_per_epoch"] for run in ours)
    reference = statistics.median(run[0] for run in theirs)
    ratios = [ours["seconds_per_epoch"] / theirs[0] for ours, theirs in zip(ours, theirs)]
    memory, their_memory = (max(run["peak_memory_bytes"] for run in ours), max(run[1] for run in theirs))
    print(f"| {precision} | {size} | **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) "
          f"| {seconds:.3f} s | {reference:.3f} s | {memory / their_memory:.2f} "
          f"| {memory / 1e9:.2f} GB | {their_memory / 1e9:.2f} GB "
          f"| {statistics.median(run['share_of_peak'] for run in ours):.2f} |", flush=True)


def scaling(sides, rounds):
    per_pixel, threads = [], []
    for _ in range(rounds):
        small, large = (sides.ours(size, epochs_for(size), "auto")["seconds_per_epoch"] for size in ("600x400", "2400x1600"))
        per_pixel.append(large / small / 16)
        two, one = (sides.ours("600x400", 8, "auto", count)["seconds_per_epoch"] for count in ("2", "1"))
        threads.append(two / one)
    for name, ratios in [("time per pixel, 2400x1600 / 600x400", per_pixel), ("two threads / one, 600x400", threads)]:
        print(f"| {name} | **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("impasto", help="the program, built with --release")
    parser.add_argument("--sizes", default="300x200,1200x800")
    parser.add_argument("--precisions", default="f32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-scaling", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sides = Sides(arguments, pathlib.Path(folder))
        print("| precision | size | seconds an epoch, ratio | impasto | reference | memory, ratio | impasto | reference "
              "| share of peak |\n|---|---|---|---|---|---|---|---|---|", flush=True)
        for precision in arguments.precisions.split(","):
            for size in arguments.sizes.split(","):
                compare(sides, size, arguments.rounds, precision)
        if not arguments.no_scaling:
            print("\n| | ratio |\n|---|---|", flush=True)
            scaling(sides, arguments.rounds)


if __name__ == "__main__":
    main()
