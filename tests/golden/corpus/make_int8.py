#!/usr/bin/env python3
"""The smallest int8 model, as a seed for fuzz_int8_model: a U-Net of base 1 and depth 1 for 8x8 images (python3-numpy).

    python3 tests/golden/corpus/make_int8.py
"""
import json
import os
import struct

import numpy as np

rng = np.random.default_rng(1)
tensors = {}
PIXEL = np.float32(1) / np.float32(127.5)
convolutions = [  # name, ic, oc, side, scale of the source, scale and zero point of the output
    ("encoder.0.conv1", 3, 1, 3, PIXEL, 0.02, 0), ("encoder.0.conv2", 1, 1, 3, np.float32(0.02), 0.03, 0),
    ("bottleneck.conv1", 1, 2, 3, np.float32(0.03), 0.02, 0), ("bottleneck.conv2", 2, 2, 3, np.float32(0.02), 0.04, 0),
    ("decoder.0.up", 2, 1, 2, np.float32(0.04), 0.05, 90), ("decoder.0.conv1", 2, 1, 3, np.float32(0.05), 0.03, 0),
    ("decoder.0.conv2", 1, 1, 3, np.float32(0.03), 0.02, 0), ("head", 1, 3, 1, np.float32(0.02), None, 0)]
for name, ic, oc, side, src, out, zero in convolutions:
    shape = (ic, oc, side, side) if name.endswith("up") else (oc, ic, side, side)
    scale = rng.uniform(0.004, 0.01, oc).astype(np.float32)
    tensors[name + ".weight"] = rng.integers(-127, 128, shape).astype(np.int8)
    tensors[name + ".weight_scale"] = scale
    tensors[name + ".bias"] = rng.integers(-900, 900, oc).astype(np.int32)
    if out:
        tensors[name + ".output"] = np.array([out, zero], np.float32)
        tensors[name + ".multiplier"] = (src * scale) / np.float32(out)
tensors["decoder.0.concat.output"] = np.array([0.05, 90], np.float32)
steps = np.arange(256, dtype=np.float32) * np.float32(0.03) / np.float32(0.05)
tensors["decoder.0.concat.table.0"] = np.minimum(np.rint(steps) + 90, 255).astype(np.uint8)

net = {"variant": "same", "base": 1, "depth": 1, "channels": 3, "outputs": 3}
classes = [{"name": "other", "tags": ["*"]}, {"name": "drivable", "tags": ["Roads"]}, {"name": "lane_line", "tags": ["RoadLine"]}]
about = {"format": 1, "model": {"architecture": "unet", "input": "rgb/127.5-1", "net": net, "image_h": 8, "image_w": 8, "classes": classes}}
header, data = {"__metadata__": {"laneloop.quant": json.dumps(about, separators=(",", ":"))}}, b""
names = {"uint8": "U8", "int8": "I8", "int32": "I32", "float32": "F32"}
for key, v in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
    raw = v.astype(v.dtype.newbyteorder("<")).tobytes()
    header[key] = {"dtype": names[str(v.dtype)], "shape": list(v.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz_int8_model")
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "smallest"), "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
