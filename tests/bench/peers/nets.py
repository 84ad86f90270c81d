"""The U-Net of model/nets/unet.c (variant `same`) for other programs, from the files of `laneloop bench net --write DIR`.

fp32: model.safetensors and state.json, an ONNX graph with BatchNorm or a PyTorch module. int8: int8.safetensors as an ONNX graph of
QuantizeLinear and DequantizeLinear with our scales, weights and biases (quant/quant.h says what they mean).
"""
import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open
from safetensors.numpy import load_file

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


def describe(directory):
    """The description of a network: base, depth, outputs."""
    path = os.path.join(directory, "int8.safetensors")
    if os.path.exists(path):
        with safe_open(path, "np") as f:
            about = json.loads(f.metadata()["laneloop.quant"])["model"]
    else:
        with open(os.path.join(directory, "state.json")) as f:
            about = json.load(f)["model"]
    if about["net"]["variant"] != "same":
        sys.exit("peers: only the variant `same` is built here")
    return about["net"]


def last_round(directory):
    """Images and results of our side: rgb, label, logits, layer.NAME."""
    return load_file(os.path.join(directory, "round.safetensors"))


def torch_unet(directory):
    import torch

    sys.path.insert(0, os.path.join(ROOT, "tests", "golden", "model"))
    kind = torch.get_default_dtype()
    from make_golden import UNet  # the module that made the golden values

    torch.set_default_dtype(kind)
    n = describe(directory)
    net = UNet(n["base"], n["depth"], n["outputs"], True).float()
    values = load_file(os.path.join(directory, "model.safetensors"))
    net.load_state_dict({k: torch.from_numpy(v) for k, v in values.items()}, strict=True)
    return net


class Graph:
    """An ONNX graph in the making; tensors are named after the nodes of our graph."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def finish(self, inputs, outputs):
        graph = helper.make_graph(self.nodes, "unet", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        return model.SerializeToString()


def unet(depth, unit, pool, up, concat, head, x):
    """The order in which data flows; the callers say what each step is."""
    skips = []
    for level in range(depth):
        for which in (1, 2):
            x = unit(f"encoder.{level}", which, x)
        skips.append(x)
        x = pool(f"encoder.{level}.pool", x)
    for which in (1, 2):
        x = unit("bottleneck", which, x)
    for level in range(depth):
        path = f"decoder.{level}"
        x = concat(f"{path}.concat", skips.pop(), up(f"{path}.up", x))
        for which in (1, 2):
            x = unit(path, which, x)
    return head(x)


def fp32_onnx(directory, batch, h, w):
    n, values, g = describe(directory), load_file(os.path.join(directory, "model.safetensors")), Graph()

    def take(name):
        return g.constant(name, values[name])

    def unit(path, which, x):
        conv, bn = f"{path}.conv{which}", f"{path}.bn{which}"
        y = g.add("Conv", [x, take(conv + ".weight")], conv, pads=[1] * 4, kernel_shape=[3, 3])
        parts = [take(f"{bn}.{k}") for k in ("weight", "bias", "running_mean", "running_var")]
        return g.add("Relu", [g.add("BatchNormalization", [y] + parts, bn, epsilon=1e-5)], f"{path}.relu{which}")

    def pool(name, x):
        return g.add("MaxPool", [x], name, kernel_shape=[2, 2], strides=[2, 2])

    def up(name, x):
        return g.add("ConvTranspose", [x, take(name + ".weight"), take(name + ".bias")], name, kernel_shape=[2, 2], strides=[2, 2])

    def concat(name, a, b):
        return g.add("Concat", [a, b], name, axis=1)

    def head(x):
        return g.add("Conv", [x, take("head.weight"), take("head.bias")], "logits", kernel_shape=[1, 1])

    unet(n["depth"], unit, pool, up, concat, head, "x")
    return g.finish([helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, h, w])],
                    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, n["outputs"], h, w])])


def qdq_onnx(directory, batch, h, w, every_layer=False):
    """u8 pixels in, float logits out. every_layer: the bytes of each layer are outputs too, named as ours."""
    n, values, g = describe(directory), load_file(os.path.join(directory, "int8.safetensors")), Graph()
    params, layers = {}, []  # of tensors: (scale, zero point)

    def decode(name):
        """The float tensor behind the bytes `name`."""
        s, z = params[name]
        g.constant(name + ".s", np.float32(s)), g.constant(name + ".z", np.uint8(z))
        return g.add("DequantizeLinear", [name, name + ".s", name + ".z"], name + ".real")

    def encode(x, name, scale, zero):
        params[name] = (np.float32(scale), int(zero))
        layers.append(name)
        g.constant(name + ".qs", np.float32(scale)), g.constant(name + ".qz", np.uint8(zero))
        g.add("QuantizeLinear", [x, name + ".qs", name + ".qz"], name)
        return name, decode(name)

    def weights(name, source, axis):
        """Weights and bias in float, from the bytes; the bias has the scale that the sums have."""
        w, scale, bias = values[name + ".weight"], values[name + ".weight_scale"], values[name + ".bias"]
        if source == "pixels":  # real 0 is 127.5: our sums start from bias - rint(127.5 sum), these from bias' - 128 sum
            sums = w.astype(np.int64).sum(axis=(1, 2, 3))
            bias = (bias + 128 * sums - np.rint(127.5 * sums).astype(np.int64)).astype(np.int32)
        g.constant(name + ".w", w), g.constant(name + ".ws", scale), g.constant(name + ".wz", np.zeros(len(scale), np.int8))
        g.constant(name + ".b", bias), g.constant(name + ".bs", params[source][0] * scale)
        g.constant(name + ".bz", np.zeros(len(scale), np.int32))
        return (g.add("DequantizeLinear", [name + ".w", name + ".ws", name + ".wz"], name + ".weight", axis=axis),
                g.add("DequantizeLinear", [name + ".b", name + ".bs", name + ".bz"], name + ".bias", axis=0))

    def unit(path, which, x):
        name = f"{path}.conv{which}"
        y = g.add("Conv", [x[1], *weights(name, x[0], 0)], name + ".sum", pads=[1] * 4, kernel_shape=[3, 3])
        return encode(g.add("Relu", [y], name + ".relu"), name, *values[name + ".output"])

    def pool(name, x):
        return encode(g.add("MaxPool", [x[1]], name + ".max", kernel_shape=[2, 2], strides=[2, 2]), name, *params[x[0]])

    def up(name, x):
        y = g.add("ConvTranspose", [x[1], *weights(name, x[0], 1)], name + ".sum", kernel_shape=[2, 2], strides=[2, 2])
        return encode(y, name, *values[name + ".output"])

    def concat(name, a, b):
        return encode(g.add("Concat", [a[1], b[1]], name + ".both", axis=1), name, *values[name + ".output"])

    def head(x):
        return g.add("Conv", [x[1], *weights("head", x[0], 0)], "logits", kernel_shape=[1, 1])

    params["pixels"] = (np.float32(1) / np.float32(127.5), 128)
    unet(n["depth"], unit, pool, up, concat, head, ("pixels", decode("pixels")))
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, n["outputs"], h, w])]
    if every_layer:
        outputs += [helper.make_tensor_value_info(name, TensorProto.UINT8, [f"{name}.{d}" for d in "nchw"]) for name in layers]
    return g.finish([helper.make_tensor_value_info("pixels", TensorProto.UINT8, [batch, 3, h, w])], outputs)


def head_scale(directory):
    """Real value of one step of our integer logits, per class."""
    n, values = describe(directory), load_file(os.path.join(directory, "int8.safetensors"))
    source = values[f"decoder.{n['depth'] - 1}.conv2.output"][0]
    return source * values["head.weight_scale"]
