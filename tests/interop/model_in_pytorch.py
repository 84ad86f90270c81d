#!/usr/bin/env python3
"""Load a trained laneloop model into PyTorch with load_state_dict(strict=True) and compare the masks of some frames.

    apt-get install python3-torch python3-pil python3-numpy
    /usr/bin/python3 tests/interop/model_in_pytorch.py runs/demo/train/model runs/demo/dataset [frames]

Needs build/release/laneloop. Prints the share of pixels on which both agree; exit status 1 below 99.99 %
(float32 sums in another order may turn a tie).
"""
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "model"))
torch_default = torch.get_default_dtype()
from make_golden import UNet  # noqa: E402  (the same module that made the golden values)

torch.set_default_dtype(torch_default)


def read_safetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    kinds = {"F32": np.float32, "I64": np.int64}
    return {
        k: torch.from_numpy(np.frombuffer(data[slice(*v["data_offsets"])], kinds[v["dtype"]]).reshape(v["shape"]).copy())
        for k, v in header.items()
        if k != "__metadata__"
    }


def main():
    model_dir, dataset = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    with open(os.path.join(model_dir, "state.json")) as f:
        about = json.load(f)["model"]
    n = about["net"]
    net = UNet(n["base"], n["depth"], n["outputs"], n["variant"] == "same").float()
    net.load_state_dict(read_safetensors(os.path.join(model_dir, "model.safetensors")), strict=True)
    net.eval()
    files = sorted(glob.glob(os.path.join(dataset, "rgb", "val", "*.png")))[:count]
    equal = total = 0
    with tempfile.TemporaryDirectory() as out, torch.no_grad():
        subprocess.run(["build/release/laneloop", "infer", model_dir, dataset, "--split", "val", "--out", out], check=True, stdout=subprocess.DEVNULL)
        for path in files:
            rgb = np.asarray(Image.open(path).convert("RGB"), np.float32)
            z = net(torch.from_numpy(rgb / np.float32(127.5) - 1).permute(2, 0, 1)[None])[0]
            mask = (z[0] >= 0).long() if n["outputs"] == 1 else z.argmax(0)
            ours = np.asarray(Image.open(os.path.join(out, os.path.basename(path)[:-4] + "_mask.png")))
            equal += int((mask.numpy() == ours).sum())
            total += ours.size
    print(f"{len(files)} frames, {100.0 * equal / total:.4f} % of {total} pixels equal (PyTorch {torch.__version__})")
    return 0 if files and equal >= 0.9999 * total else 1


if __name__ == "__main__":
    sys.exit(main())
