#!/usr/bin/env python3
"""The same training in laneloop and in PyTorch: do the losses agree, with every algorithm?

    tests/bench/peers/curves.sh [--base 16] [--steps 240] [--batch 4] [--variants off,f2,f4,bf16] [--picture FILE.svg] [--out FILE.json]

Records the demo's training frames once (configs/collect/demo_train.json, 256 x 128), writes a U-Net with random weights, and trains it with
`laneloop train` once per variant (no augmentation, no shuffling, cross-entropy, Adam, constant rate) and with PyTorch on the same files
in the same order. Two things vary in PyTorch too, and show what rounding alone does to a training: the memory layout (channels_last) and
the number of threads. Printed, against PyTorch's default layout: the largest difference of the loss up to a step, and mean losses of
the last 40 steps."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MARKS = (1, 5, 10, 20, 50, 100, 150, 200)
OURS = {"off": {"winograd": "off"}, "f2": {"winograd": "f2"}, "f4": {"winograd": "f4"}, "bf16": {"precision": "bf16"}}
NAMES = {"off": "laneloop fp32, direct", "f2": "laneloop fp32, F(2x2)", "f4": "laneloop fp32, F(4x4)", "bf16": "laneloop bf16",
         "avx2": "laneloop fp32, direct, AVX2", "torch": "PyTorch", "torch-nhwc": "PyTorch, channels_last", "torch-1": "PyTorch, one thread"}
OURS["avx2"] = OURS["off"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def laneloop(o, *args, isa=None):
    environment = dict(os.environ, LANELOOP_ISA=isa) if isa else None
    done = subprocess.run([o.laneloop, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        sys.exit(f"curves: laneloop {' '.join(args)}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def training_frames(data):
    """(rgb, seg) files of the training split in the loader's order, and the class of each tag."""
    with open(os.path.join(data, "dataset.json")) as f:
        about = json.load(f)
    frames = []
    for name in sorted(os.listdir(os.path.join(data, "episodes"))):
        with open(os.path.join(data, "episodes", name)) as f:
            frames += [json.loads(line) for line in f]
    files = [(os.path.join(data, "rgb", "train", f["id"] + ".png"), os.path.join(data, "seg", "train", f["id"] + ".png"))
             for f in frames if f["split"] == "train"]
    of_tag = [0] * 256
    for tag in about["taxonomy"]:
        of_tag[tag["tag"]] = {"Roads": 1, "RoadLine": 2}.get(tag["name"], 0)
    return files, of_tag


def ours(o, variant, net, data):
    run = os.path.join(o.work, "run-" + variant)
    config = {"dataset": data, "net": {"variant": "same", "base": o.base, "depth": 4}, "augment": {"mode": "off"}, "shuffle": False,
              "loss": "ce", "epochs": 1000, "steps": o.steps, "batch": o.batch, "lr": o.lr, "schedule": "constant", "warmup_steps": 0,
              "weight_decay": 0, "threads": o.threads, **OURS[variant]}
    path = os.path.join(o.work, variant + ".json")
    with open(path, "w") as f:
        json.dump(config, f, indent=1)
    shutil.rmtree(run, ignore_errors=True)
    laneloop(o, "train", path, "F", "-p", net, "--out", run, "--json", isa="avx2" if variant == "avx2" else None)
    with open(os.path.join(run, "log.jsonl")) as f:
        return [row["loss"] for row in map(json.loads, f) if row["kind"] == "step"]


def torch_losses(o, variant, net, data):
    import numpy as np
    import torch
    from PIL import Image

    import nets

    torch.set_num_threads(1 if variant == "torch-1" else o.threads)
    layout = torch.channels_last if variant == "torch-nhwc" else torch.contiguous_format
    module = nets.torch_unet(net).to(memory_format=layout)
    module.train()
    adam = torch.optim.Adam(module.parameters(), lr=o.lr)
    files, of_tag = training_frames(data)
    of_tag, losses = np.array(of_tag), []
    per_epoch = -(-len(files) // o.batch)  # positions past the end wrap to the epoch's beginning
    for step in range(o.steps):
        batch = [files[((step % per_epoch) * o.batch + i) % len(files)] for i in range(o.batch)]
        rgb = np.stack([np.asarray(Image.open(f).convert("RGB")) for f, _ in batch]).astype(np.float32)
        x = torch.from_numpy(np.ascontiguousarray((rgb / np.float32(127.5) - 1).transpose(0, 3, 1, 2))).to(memory_format=layout)
        label = torch.from_numpy(of_tag[np.stack([np.asarray(Image.open(f)) for _, f in batch])])
        adam.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(module(x), label)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses, torch.__version__


def table(curves, reference, steps):
    marks = [m for m in MARKS if m < steps] + [steps]
    print("| largest difference of the loss up to step | " + " | ".join(map(str, marks)) + f" | mean loss of the last {min(40, steps)} |")
    print("|---|" + "---|" * (len(marks) + 1))
    for name, losses in curves.items():
        gaps = [abs(a - b) for a, b in zip(losses, curves[reference])]
        cells = ["–" if name == reference else f"{max(gaps[:m]):.1e}" for m in marks]
        print(f"| {NAMES[name]} | " + " | ".join(cells) + f" | {sum(losses[-40:]) / len(losses[-40:]):.4f} |")


def draw(curves, path, title):
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "curves"  # the same bytes for the same losses
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, figsize=(9, 6.5), sharex=True)
    reference = curves["torch"]
    for name, losses in curves.items():
        steps = range(1, len(losses) + 1)
        line, = above.plot(steps, losses, linewidth=1, label=NAMES[name])
        if name != "torch":
            below.plot(steps, [max(abs(a - b), 1e-9) for a, b in zip(losses, reference)], linewidth=1, color=line.get_color())
    above.set_yscale("log")
    above.set_ylabel("loss")
    above.set_title(title, fontsize=10)
    above.legend(fontsize=8)
    below.set_yscale("log")
    below.set_ylabel("difference from PyTorch")
    below.set_xlabel("step")
    for axes in (above, below):
        axes.grid(True, linewidth=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--laneloop", default=os.environ.get("LANELOOP", "build/release/laneloop"))
    p.add_argument("--work", default="build/peers/curves")
    p.add_argument("--base", type=int, default=16)
    p.add_argument("--steps", type=int, default=240)
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--variants", default="off,f2,f4,avx2,bf16", help="of ours: " + ", ".join(OURS))
    p.add_argument("--picture", help="write the curves, SVG or PNG")
    p.add_argument("--out", help="write the losses as JSON")
    o = p.parse_args()
    variants = [v for v in o.variants.split(",") if v]
    for v in variants:
        if v not in OURS:
            p.error(f"--variants: expected some of {', '.join(OURS)}, found '{v}'")
    os.makedirs(o.work, exist_ok=True)
    began, data, net = time.time(), os.path.join(o.work, "data"), os.path.join(o.work, "net")
    say("record the frames")
    laneloop(o, "collect", "configs/collect/demo_train.json", "--out", data)
    laneloop(o, "bench", "net", "--mode", "forward", "--base", str(o.base), "--size", "128x256", "--seconds", "0.001", "--write", net)
    curves = {}
    for name in ("torch", "torch-nhwc", "torch-1"):
        say(f"{time.time() - began:.0f} s  {NAMES[name]}")
        curves[name], version = torch_losses(o, name, net, data)
    for name in variants:
        say(f"{time.time() - began:.0f} s  {NAMES[name]}")
        curves[name] = ours(o, name, net, data)
        if len(curves[name]) != o.steps:
            sys.exit(f"curves: {name}: {o.steps} steps expected, {len(curves[name])} in the log")
    with open("/proc/cpuinfo") as f:
        cpu = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    print(f"{cpu}, {o.threads} threads, PyTorch {version}, U-Net base {o.base}, batch {o.batch}, rate {o.lr:g}\n")
    table(curves, "torch", o.steps)
    if o.out:
        with open(o.out, "w") as f:
            json.dump(curves, f)
    if o.picture:
        draw(curves, o.picture, f"U-Net base {o.base}, 256 x 128, batch {o.batch}, the same weights and data: laneloop and PyTorch {version}")


if __name__ == "__main__":
    main()
