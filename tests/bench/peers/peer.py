#!/usr/bin/env python3
"""One peer as a process that takes turns: the protocol of `laneloop bench net --rounds-from-stdin`.

    peer.py NAME MODE DIR THREADS       NAME: torch, torch-nhwc, torch-compiled, onnxruntime, openvino; MODE: train, forward, int8

Reads the network and its images from DIR (nets.py), runs one round as a warm-up, says how its results compare with ours, then
answers each line N on stdin with the times of N rounds.
"""
import json
import os
import sys
import time

name, mode, directory, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when the libraries load
    os.environ[variable] = str(threads)

import numpy as np  # noqa: E402

import nets  # noqa: E402


def signed(rgb):
    """[N][H][W][3] bytes to [N][3][H][W] float, x/127.5 - 1."""
    return np.ascontiguousarray((rgb.astype(np.float32) / np.float32(127.5) - 1).transpose(0, 3, 1, 2))


def against(logits, ours, scale=None):
    """Logits [N][K][H][W] against ours [N][H][W][K]: largest difference, and on how many pixels the classes agree."""
    z, want = logits.transpose(0, 2, 3, 1), ours.astype(np.float32) * (1 if scale is None else scale)
    same = z.argmax(3) == want.argmax(3)
    return {"max_difference": float(np.abs(z - want).max()), "largest": float(np.abs(want).max()), "same_class_pct": 100.0 * float(same.mean())}


def torch_side():
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    torch.set_num_threads(threads)
    data, net = nets.last_round(directory), nets.torch_unet(directory)
    layout = torch.channels_last if name == "torch-nhwc" else torch.contiguous_format
    if mode == "forward":
        net.eval()
        for block in net.modules():
            for i in ("1", "2"):
                if hasattr(block, "bn" + i):
                    setattr(block, "conv" + i, fuse_conv_bn_eval(getattr(block, "conv" + i), getattr(block, "bn" + i)))
                    setattr(block, "bn" + i, torch.nn.Identity())
    net = net.to(memory_format=layout)
    x = torch.from_numpy(signed(data["rgb"])).to(memory_format=layout)
    run = torch.compile(net) if name == "torch-compiled" else net
    if mode == "forward":
        def step():
            with torch.inference_mode():
                return run(x)
        check = against(step().numpy(), data["logits"])
    else:
        net.train()
        label = torch.from_numpy(data["label"].astype(np.int64))
        adam = torch.optim.Adam(net.parameters(), lr=1e-3)

        def step():
            adam.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(run(x), label)
            loss.backward()
            adam.step()
            return loss.item()
        check = {}
    return step, check, torch.__version__


def onnxruntime_side():
    import onnxruntime

    def session(model):
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
        return onnxruntime.InferenceSession(model, o, providers=["CPUExecutionProvider"])

    data = nets.last_round(directory)
    n, h, w, _ = data["rgb"].shape
    if mode == "forward":
        s, feed = session(nets.fp32_onnx(directory, n, h, w)), {"x": signed(data["rgb"])}
        check = against(s.run(None, feed)[0], data["logits"])
    else:
        pixels = np.ascontiguousarray(data["rgb"].transpose(0, 3, 1, 2))
        s, feed = session(nets.qdq_onnx(directory, n, h, w)), {"pixels": pixels}
        check = against(s.run(None, feed)[0], data["logits"], nets.head_scale(directory))
        layers = session(nets.qdq_onnx(directory, 1, h, w, every_layer=True))
        names = [o.name for o in layers.get_outputs()]
        check["layers"] = {}
        for k, v in zip(names, layers.run(None, {"pixels": pixels[:1]})):
            if k != "logits":
                d = np.abs(v[0].transpose(1, 2, 0).astype(int) - data["layer." + k])
                check["layers"][k] = [int((d > 0).sum()), int(d.max()), d.size]
    return lambda: s.run(None, feed), check, onnxruntime.__version__


def openvino_side():
    import openvino

    data = nets.last_round(directory)
    n, h, w, _ = data["rgb"].shape
    scale = nets.head_scale(directory) if mode == "int8" else None
    model = (nets.qdq_onnx if mode == "int8" else nets.fp32_onnx)(directory, n, h, w)
    x = np.ascontiguousarray(data["rgb"].transpose(0, 3, 1, 2)) if mode == "int8" else signed(data["rgb"])
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU",
                                  {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                                   "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x))
    request.infer()
    return request.infer, against(request.get_output_tensor().data, data["logits"], scale), openvino.__version__.split("-")[0]


def main():
    sides = {"torch": torch_side, "torch-nhwc": torch_side, "torch-compiled": torch_side, "onnxruntime": onnxruntime_side,
             "openvino": openvino_side}
    step, check, version = sides[name]()
    loss = step()
    print(json.dumps({"ready": True, "version": version, "loss": loss if mode == "train" else 0, **check}), flush=True)
    for line in sys.stdin:
        times, processor = [], time.process_time()
        for _ in range(int(line)):
            before = time.perf_counter()
            loss = step()
            times.append((time.perf_counter() - before) * 1e3)
        print(json.dumps({"ms": times, "cpu_ms": (time.process_time() - processor) * 1e3, "loss": loss if mode == "train" else 0}), flush=True)


main()
