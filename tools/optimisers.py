#!/usr/bin/env python3
"""Holds L-BFGS from coarse to fine against the published recipe's Adam, on the recipe's objective: for every pair, the total
loss that it ends with at 300x200 beside the one that `classic`'s first stage ends with, and how many full-size epochs it
needed to come below it.

    cargo build --release
    python tools/optimisers.py target/release/impasto [NAME=CONTENT,STYLE ...]

Without pairs it takes those of assets/samples. Prints the table of docs/performance.md.
"""
import json, pathlib, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent / "assets/samples"
PHOTOGRAPHS = ["chelsea.png", "coffee.png", "astronaut.jpg", "rocket.jpg"]
PAIRS = [(photograph, "painting.jpg") for photograph in PHOTOGRAPHS] + [
    ("astronaut.jpg", "chelsea.png"),
    ("coffee.png", "rocket.jpg"),
]
ADAM = ["--stages", "300x200:500:200"]
LBFGS = ["--optimiser", "lbfgs", "--learning-rate", "0.1", "--stages", "150x100:48,300x200:24"]
# Of the stages of L-BFGS, as a part of the full size's: half the sides, and all of them.
PIXELS = {1: 0.25, 2: 1.0}


def entries(impasto, content, style, *recipe):
    with tempfile.NamedTemporaryFile(suffix=".png") as result:
        command = [impasto, "stylize", "--content", content, "--style", style, "-o", result.name, "--backbone", "vgg16",
                   "--device", "cpu", "--losses", "json", "--report-every", "1", "--preset", "classic", *recipe]
        lines = subprocess.check_output(command, stderr=subprocess.DEVNULL).splitlines()
    return [json.loads(line) for line in lines]


def main():
    impasto, *pairs = sys.argv[1:]
    pairs = [pair.split("=") for pair in pairs]
    pairs = [(name, *paths.split(",")) for name, paths in pairs] or [
        (f"{pathlib.Path(content).stem}, {pathlib.Path(style).stem}", ROOT / content, ROOT / style)
        for content, style in PAIRS]
    print("| pair | total, L-BFGS / Adam | L-BFGS | Adam | full-size epochs, all | until below Adam |")
    print("|---|---|---|---|---|---|", flush=True)
    for name, content, style in pairs:
        adam = entries(impasto, content, style, *ADAM)[-1]["total"]
        lbfgs = entries(impasto, content, style, *LBFGS)
        first_stage = max(entry["epoch"] for entry in lbfgs if entry["stage"] == 1)

        def spent(entry):
            before = first_stage * PIXELS[1] if entry["stage"] == 2 else 0
            return before + entry["epoch"] * PIXELS[entry["stage"]]

        last = lbfgs[-1]
        below = [spent(entry) for entry in lbfgs if entry["stage"] == 2 and entry["total"] <= adam]
        print(f"| {name} | **{last['total'] / adam:.2f}** | {last['total']:.2f} | {adam:.2f} | {spent(last):.0f} "
              f"| {min(below, default=float('nan')):.0f} |", flush=True)


if __name__ == "__main__":
    main()
