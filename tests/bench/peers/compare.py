#!/usr/bin/env python3
"""laneloop against PyTorch, ONNX Runtime and OpenVINO: the same U-Net, weights, images and batch, all sides taking turns in one run.

    tests/bench/peers/run.sh [--base 16,32,64] [--batch 1,4] [--threads 1,2] [--modes train,forward,int8] [--peers NAMES] [--rounds N] [--isa L]

Every side is a process of its own that waits while another one works. A turn is as many rounds as fit in about --turn seconds; the ratio
of a turn is the peer's median by ours of the same turn. Printed: the median of the ratios with the smallest and the largest (above 1: we
are faster), the same of the processor time that each side took (with one thread that is the better measure while other work shares the
machine; with more it counts threads that spin), the fastest round of each side, peak resident memory, and how far the results agree.

Waiting: each library's own default, which is to spin for a moment and then sleep (OMP_WAIT_POLICY and GOMP_SPINCOUNT unset, ONNX
Runtime's allow_spinning 1, OpenVINO's TBB), nobody's threads pinned.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {"train": ["torch", "torch-nhwc"], "forward": ["torch", "torch-nhwc", "onnxruntime", "openvino"],
         "int8": ["onnxruntime", "openvino"]}


class Side:
    """A process that answers numbers of rounds with times."""

    def __init__(self, name, command, fifo):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_", "MKL_"))}
        self.name, self.fifo = name, fifo
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.ready = self.answer()
        self.fastest, self.per_turn = float("inf"), 1

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"peers: {self.name} ended with status {self.process.wait()}: {' '.join(self.process.args)}")
        return json.loads(line)

    def schedule(self, policy, priority):
        tasks = f"/proc/{self.process.pid}/task"
        for task in os.listdir(tasks):
            os.sched_setscheduler(int(task), policy, os.sched_param(priority))

    def turn(self, rounds):
        if self.fifo:
            self.schedule(os.SCHED_FIFO, 1)
        self.process.stdin.write(f"{rounds}\n")
        self.process.stdin.flush()
        answer = self.answer()
        if self.fifo:
            self.schedule(os.SCHED_OTHER, 0)
        self.fastest = min(self.fastest, *answer["ms"])
        return answer

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024

    def end(self):
        """The last line of our side is its row."""
        self.process.stdin.close()
        rest = self.process.stdout.read().splitlines()
        self.process.wait()
        return json.loads(rest[-1]) if rest else {}


def written(o, mode, base, batch):
    """Directory with our network, images and results of a case."""
    float_net = os.path.join(o.work, f"b{base}n{batch}-forward")
    out = os.path.join(o.work, f"b{base}n{batch}-{mode}")
    size = ["--size", o.size, "--batch", str(batch), "--seconds", "0.001", "--write"]
    weights = ["--weights", float_net] if mode == "int8" else ["--base", str(base)]
    if mode == "int8":
        written(o, "forward", base, batch)
    subprocess.run([o.laneloop, "bench", "net", "--mode", mode, *weights, *size, out], check=True, stdout=subprocess.DEVNULL)
    return out


def agreement(mode, ours, peer, steps):
    """What the peer says about its results beside ours, in a few words."""
    r = peer.ready
    if mode == "train":  # the same weights, images and labels: losses of the warm-up and of single steps
        pairs = [(ours.ready["loss"], r["loss"])] + [(ours.turn(1)["loss"], peer.turn(1)["loss"]) for _ in range(steps)]
        return f"{len(pairs)} losses within {max(abs(a - b) for a, b in pairs):.1e} (from {pairs[0][0]:.3f} to {pairs[-1][0]:.3f})"
    text = f"logits within {r['max_difference']:.1e} of {r['largest']:.1f}, {r['same_class_pct']:.3f} % same class"
    if "layers" in r:
        wrong, total = sum(v[0] for v in r["layers"].values()), sum(v[2] for v in r["layers"].values())
        first = next((k for k, v in r["layers"].items() if v[0]), None)
        text += f"; {wrong} of {total} bytes of {len(r['layers'])} layers differ"
        text += f" (first in {first}, by {max(v[1] for v in r['layers'].values())} at most)" if first else ""
    return text


def run_case(o, mode, base, batch, threads):
    directory = written(o, mode, base, batch)
    ours = [o.laneloop, "bench", "net", "--mode", mode, "--weights", directory, "--size", o.size, "--batch", str(batch), "--threads",
            str(threads), "--json", "--rounds-from-stdin"] + (["--isa", o.isa] if o.isa else [])
    ours += ["--winograd", o.winograd] if o.winograd and mode != "int8" else []
    names = [p for p in PEERS[mode] + o.more if not o.peers or p in o.peers]
    rows = []
    for name in names:  # two processes at a time: a third would keep its memory and its threads for nothing
        sides = [Side("laneloop", ours, o.fifo),
                 Side(name, [sys.executable, os.path.join(HERE, "peer.py"), name, mode, directory, str(threads)], o.fifo)]
        agree = agreement(mode, *sides, o.losses)
        for s in sides:
            s.per_turn = max(1, min(1000, round(o.turn * 1e3 / statistics.median(s.turn(2)["ms"]))))
            s.fastest = float("inf")
        ratios, processor, medians = [], [], ([], [])
        for i in range(o.rounds):
            order = (0, 1) if i % 2 == 0 else (1, 0)
            answers = [{}, {}]
            for k in order:
                answers[k] = sides[k].turn(sides[k].per_turn)
                medians[k].append(statistics.median(answers[k]["ms"]))
            ratios.append(medians[1][-1] / medians[0][-1])
            processor.append(answers[1]["cpu_ms"] / len(answers[1]["ms"]) / (answers[0]["cpu_ms"] / len(answers[0]["ms"])))
        memory = [s.resident_mib() for s in sides]
        row = sides[0].end()
        sides[1].end()
        rows.append({"mode": mode, "base": base, "batch": batch, "threads": threads, "isa": row["isa"], "peer": name,
                     "version": sides[1].ready["version"], "ratio": statistics.median(ratios), "ratio_min": min(ratios),
                     "ratio_max": max(ratios), "cpu_ratio": statistics.median(processor), "cpu_ratio_min": min(processor),
                     "cpu_ratio_max": max(processor), "ms": statistics.median(medians[0]), "peer_ms": statistics.median(medians[1]),
                     "ms_min": sides[0].fastest, "peer_ms_min": sides[1].fastest, "peak_pct": row["peak_pct"],
                     "peak_gflops": row["peak_gflops"], "rss_mib": memory[0], "peer_rss_mib": memory[1], "agreement": agree,
                     "fifo": o.fifo, "load": os.getloadavg()[0]})
        r = rows[-1]
        print(f"| {mode} | {base} | {batch} | {threads} | {name} {r['version']} | {r['ms']:.1f} ({r['ms_min']:.1f}) | {r['peer_ms']:.1f} "
              f"({r['peer_ms_min']:.1f}) | {r['ratio']:.2f} ({r['ratio_min']:.2f}–{r['ratio_max']:.2f}) | "
              f"{r['cpu_ratio']:.2f} ({r['cpu_ratio_min']:.2f}–{r['cpu_ratio_max']:.2f}) | {r['peak_pct']:.0f} | "
              f"{memory[0]:.0f} / {memory[1]:.0f} | {agree} |", flush=True)
        if o.out:
            with open(o.out, "a") as f:
                f.write(json.dumps(r) + "\n")
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--laneloop", default=os.environ.get("LANELOOP", "build/release/laneloop"))
    p.add_argument("--work", default="build/peers/nets")
    p.add_argument("--modes", default="train,forward,int8")
    p.add_argument("--base", default="16,32,64")
    p.add_argument("--batch", default="1")
    p.add_argument("--threads", default=str(len(os.sched_getaffinity(0))))
    p.add_argument("--size", default="256x512", help="rows x columns")
    p.add_argument("--rounds", type=int, default=7, help="turns of each side")
    p.add_argument("--turn", type=float, default=0.5, help="seconds of a turn, at least one round")
    p.add_argument("--losses", type=int, default=10, help="single training steps whose losses are compared")
    p.add_argument("--fifo", action="store_true", help="run turns under SCHED_FIFO, both sides: other work waits meanwhile (root)")
    p.add_argument("--isa", help="level of our side")
    p.add_argument("--winograd", help="of our fp32 convolutions: off, f2, f4 or auto")
    p.add_argument("--peers", default="", help="only these")
    p.add_argument("--compiled", action="store_true", help="also torch.compile (takes a C++ compiler and minutes)")
    p.add_argument("--out", help="append each row as JSON")
    o = p.parse_args()
    o.peers = [n for n in o.peers.split(",") if n]
    o.more = ["torch-compiled"] if o.compiled or "torch-compiled" in o.peers else []
    with open("/proc/cpuinfo") as f:
        cpu = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    print(f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {o.size}; ms: median of the turns (fastest round); "
          "ratio: peer / laneloop\n")
    print("| mode | base | batch | threads | peer | laneloop ms | peer ms | ratio (min–max) | of processor time | % of peak | peak MiB, ours / peer | results |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for mode in o.modes.split(","):
        if mode not in PEERS:
            p.error(f"--modes: expected some of {', '.join(PEERS)}, found '{mode}'")
        for base in o.base.split(","):
            for batch in o.batch.split(","):
                for threads in o.threads.split(","):
                    run_case(o, mode, int(base), int(batch), int(threads))


main()
