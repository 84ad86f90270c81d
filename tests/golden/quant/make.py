#!/usr/bin/env python3
"""Golden bytes of integer operators from ONNX Runtime's CPU kernels: QLinearConv, QLinearConcat, MaxPool, QuantizeLinear.

    python3 -m venv v && v/bin/pip install numpy onnx onnxruntime
    v/bin/python tests/golden/quant/make.py

Writes ops.safetensors beside itself. tests/quant/test_golden.c demands equality, so run this where the CPU has an exact u8 x s8 dot
product (AVX512-VNNI, AVX-VNNI, ARM dot product): elsewhere ONNX Runtime saturates. The script checks its own results against int64 sums
in numpy before it writes, and stops when they differ. Images are stored [H][W][C], weights as PyTorch has them, transposed
convolutions as [ic][oc][2][2] (for ONNX Runtime: a 1x1 convolution of 4*oc rows and a depth-to-space).
"""
import json
import os
import struct

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240601)


def run(node, initialisers, x, out_type=TensorProto.UINT8, domain=None):
    """Run one node on inputs x (a list of u8 or f32 arrays)."""
    kind = {np.dtype("uint8"): TensorProto.UINT8, np.dtype("float32"): TensorProto.FLOAT}
    inputs = [helper.make_tensor_value_info(f"x{i}", kind[v.dtype], v.shape) for i, v in enumerate(x)]
    output = helper.make_tensor_value_info("y", out_type, None)
    graph = helper.make_graph([node], "g", inputs, [output], [numpy_helper.from_array(v, k) for k, v in initialisers.items()])
    opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 8
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{i}": v for i, v in enumerate(x)})[0]


def conv_sums(x, w, b, zx, stride, pad, dilation):
    """Exact sums in int64: the check that the machine's kernel did not saturate."""
    oc, ic, k, _ = w.shape
    xp = np.pad(x[0].astype(np.int64) - zx, ((0, 0), (pad, pad), (pad, pad)))
    oh = (xp.shape[1] - dilation * (k - 1) - 1) // stride + 1
    ow = (xp.shape[2] - dilation * (k - 1) - 1) // stride + 1
    acc = np.zeros((oc, oh, ow), np.int64) + b[:, None, None]
    for u in range(k):
        for v in range(k):
            part = xp[:, u * dilation:u * dilation + stride * oh:stride, v * dilation:v * dilation + stride * ow:stride]
            acc += np.einsum("oc,chw->ohw", w[:, :, u, v].astype(np.int64), part)
    return acc


def requantise(acc, sx, sw, sy, zy):
    m = (np.float32(sx) * sw) / np.float32(sy)
    f = acc.astype(np.float32) * m[:, None, None]
    f = np.minimum(np.maximum(f, np.float32(-zy)), np.float32(255 - zy))
    return (np.rint(f) + zy).astype(np.uint8)


def qlinear_conv(x, w, b, sx, zx, sw, sy, zy, stride=1, pad=0, dilation=1):
    node = helper.make_node("QLinearConv", ["x0", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"], ["y"], strides=[stride] * 2,
                            pads=[pad] * 4, dilations=[dilation] * 2)
    y = run(node, dict(sx=np.float32(sx), zx=np.uint8(zx), w=w, sw=sw, zw=np.zeros(len(sw), np.int8), sy=np.float32(sy),
                       zy=np.uint8(zy), b=b), [x])
    exact = requantise(conv_sums(x, w, b, zx, stride, pad, dilation), sx, sw, sy, zy)
    assert (y[0] == exact).all(), "this machine's QLinearConv is not exact"
    return y


tensors, cases = {}, []


def store(case, **values):
    for key, v in values.items():
        tensors[f"{case}.{key}"] = np.ascontiguousarray(v)


def nhwc(x):
    return x[0].transpose(1, 2, 0)


def numbers(ic, k, oc, spread):
    """Scales that spread the sums over the byte's range."""
    sx, sw = np.float32(rng.uniform(0.01, 0.05)), rng.uniform(0.001, 0.01, oc).astype(np.float32)
    sy = np.float32(sx * sw.mean() * 74 * 74 * np.sqrt(ic * k * k) / spread)
    b = rng.integers(-20000, 20000, oc).astype(np.int32)
    return sx, sw, sy, b


def conv_case(name, ic, oc, h, w, k, stride, pad, dilation, zx, zy, extreme=False):
    x = rng.integers(0, 256, (1, ic, h, w)).astype(np.uint8)
    weights = rng.integers(-127, 128, (oc, ic, k, k)).astype(np.int8)
    if extreme:
        x[:], weights[:] = 255, np.where(rng.integers(0, 2, weights.shape), 127, -127)
        weights[0], weights[1] = 127, -127
    sx, sw, sy, b = numbers(ic, k, oc, 60)
    y = qlinear_conv(x, weights, b, sx, zx, sw, sy, zy, stride, pad, dilation)
    store(name, x=nhwc(x), weight=weights, bias=b, weight_scale=sw, y=nhwc(y),
          numbers=np.array([sx, zx, sy, zy], np.float32), window=np.array([stride, pad, dilation], np.int32))


def transposed_case(name, ic, oc, h, w, zx, zy):
    x = rng.integers(0, 256, (1, ic, h, w)).astype(np.uint8)
    weights = rng.integers(-127, 128, (ic, oc, 2, 2)).astype(np.int8)
    sx, sw, sy, b = numbers(ic, 1, oc, 60)
    rows = weights.transpose(2, 3, 1, 0).reshape(4 * oc, ic, 1, 1)  # row = (2*dy + dx)*oc + c
    y = qlinear_conv(x, np.ascontiguousarray(rows), np.tile(b, 4), sx, zx, np.tile(sw, 4), sy, zy)
    y = y.reshape(1, 2, 2, oc, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(1, oc, 2 * h, 2 * w)  # depth to space, DCR
    store(name, x=nhwc(x), weight=weights, bias=b, weight_scale=sw, y=nhwc(y), numbers=np.array([sx, zx, sy, zy], np.float32),
          window=np.array([2, 0, 1], np.int32))


def concat_case(name):
    """Every byte through both branches, so that the whole table is seen."""
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    params = [(0.037, 3, 0.051, 120), (0.0213, 0, 0.0213 * 2.5, 77), (0.011, 200, 0.03, 9)]
    for i, (sa, za, sy, zy) in enumerate(params):
        node = helper.make_node("QLinearConcat", ["sy", "zy", "x0", "sa", "za", "x1", "sa", "za"], ["y"], axis=1,
                                domain="com.microsoft")
        y = run(node, dict(sy=np.float32(sy), zy=np.uint8(zy), sa=np.float32(sa), za=np.uint8(za)), [every, every[:, :, ::-1].copy()],
                domain="com.microsoft")
        store(f"{name}{i}", y=y[0, 0].reshape(256), numbers=np.array([sa, za, sy, zy], np.float32))


def pool_case(name):
    x = rng.integers(0, 256, (1, 12, 9, 7)).astype(np.uint8)
    y = run(helper.make_node("MaxPool", ["x0"], ["y"], kernel_shape=[2, 2], strides=[2, 2]), {}, [x])
    store(name, x=nhwc(x), y=nhwc(y))


def encode_case(name):
    s, z = np.float32(0.1), np.uint8(128)
    steps = np.arange(-150, 150, dtype=np.float32)
    x = np.concatenate([(steps + np.float32(0.5)) * s, rng.uniform(-20, 20, 724).astype(np.float32)]).astype(np.float32)
    y = run(helper.make_node("QuantizeLinear", ["x0", "s", "z"], ["y"]), dict(s=s, z=z), [x])
    store(name, x=x, y=y, numbers=np.array([s, z], np.float32))


conv_case("conv_image", 3, 8, 9, 12, 3, 1, 1, 1, 128, 0)
conv_case("conv_relu", 16, 20, 8, 11, 3, 1, 1, 1, 0, 0)
conv_case("conv_signed", 12, 33, 6, 9, 3, 1, 1, 1, 37, 140)
conv_case("conv_valid", 8, 8, 7, 30, 3, 1, 0, 1, 90, 15)
conv_case("conv_stride", 8, 16, 9, 10, 3, 2, 1, 1, 5, 101)
conv_case("conv_dilated", 4, 6, 9, 9, 3, 1, 4, 4, 200, 64)
conv_case("conv_1x1", 24, 40, 3, 29, 1, 1, 0, 1, 11, 128)
conv_case("conv_deep", 192, 8, 4, 5, 3, 1, 1, 1, 13, 111)
conv_case("conv_extreme", 32, 16, 5, 6, 3, 1, 1, 1, 3, 128, extreme=True)
transposed_case("transposed_narrow", 16, 8, 5, 7, 0, 128)
transposed_case("transposed_signed", 20, 18, 3, 6, 77, 99)
concat_case("concat")
pool_case("pool")
encode_case("encode")

names = {np.dtype("uint8"): "U8", np.dtype("int8"): "I8", np.dtype("int32"): "I32", np.dtype("float32"): "F32"}
header = {"__metadata__": {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__, "made_by": "tests/golden/quant/make.py"}}
data = b""
for key, v in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
    raw = v.astype(v.dtype.newbyteorder("<")).tobytes()
    header[key] = {"dtype": names[v.dtype], "shape": list(v.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(os.path.join(HERE, "ops.safetensors"), "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
