#!/usr/bin/env python3
"""Golden values of model/ from PyTorch: operators, both U-Nets (logits and every gradient), losses, Adam.

    apt-get install python3-torch        # Debian 12: 1.13.0
    /usr/bin/python3 tests/golden/model/make_golden.py

Writes ops.safetensors, unet_same.safetensors, unet_original.safetensors, losses.safetensors beside itself. Everything is computed in
float64 and stored as float32, so the files hold the true values to 6e-8 and do not depend on PyTorch's kernels; the C side is
compared with a tolerance for float32 sums (tests/model/test_golden.c). Images are stored [N][H][W][C], weights as PyTorch has them.
"""
import json
import os
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20240601)
torch.set_default_dtype(torch.float64)


def write(name, tensors):
    """The safetensors format by hand: 8-byte length, JSON header, bytes."""
    header, data = {"__metadata__": {"torch": torch.__version__, "made_by": "tests/golden/model/make_golden.py"}}, b""
    for key, t in tensors.items():
        t = t.detach().contiguous()
        raw, kind = (t.numpy().astype("<u1").tobytes(), "U8") if t.dtype == torch.uint8 else (t.numpy().astype("<f4").tobytes(), "F32")
        header[key] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def float32(t):
    """Round to what the file will hold, so that both sides start from the same numbers."""
    return t.float().double()


def record(out, case, net, x):
    """Input, parameters, output, a random gradient of the output, and what follows from it."""
    for p in net.parameters():
        p.data = float32(p.data)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    y = net(x)
    g = float32(torch.randn_like(y))
    y.backward(g)
    out[case + "/input"], out[case + "/output"], out[case + "/grad_output"] = nhwc(x), nhwc(y), nhwc(g)
    for k, v in before.items():
        if not k.endswith("num_batches_tracked"):
            out[case + "/param/" + k] = v
    for k, p in net.named_parameters():
        out[case + "/grad/" + k] = p.grad
    for k, v in net.state_dict().items():
        if k.endswith(("running_mean", "running_var")):
            out[case + "/after/" + k] = v
    net.eval()
    out[case + "/eval_output"] = nhwc(net(x))


class Case(nn.Module):
    """A 1x1 convolution (so that the operator's input gradient shows in its parameters), then the operator."""

    def __init__(self, channels, forward, **modules):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 1)
        for k, m in modules.items():
            self.add_module(k, m)
        self.rule = forward

    def forward(self, x):
        return self.rule(self, self.stem(x))


def operators():
    out = {}
    bn = nn.BatchNorm2d(6)
    bn2 = nn.BatchNorm2d(5)
    for b in (bn, bn2):
        b.weight.data.uniform_(0.5, 1.5)
        b.bias.data.uniform_(-0.5, 0.5)
    cases = {
        "conv3": (Case(5, lambda m, x: m.op(x), op=nn.Conv2d(5, 7, 3, padding=1)), (2, 3, 6, 9)),
        "conv3_valid": (Case(4, lambda m, x: m.op(x), op=nn.Conv2d(4, 6, 3, bias=False)), (1, 3, 7, 5)),
        "conv3_stride2": (Case(4, lambda m, x: m.op(x), op=nn.Conv2d(4, 6, 3, stride=2, padding=1)), (2, 3, 7, 10)),
        "conv3_dilated": (Case(4, lambda m, x: m.op(x), op=nn.Conv2d(4, 5, 3, padding=2, dilation=2)), (1, 3, 8, 9)),
        "conv1": (Case(8, lambda m, x: m.op(x), op=nn.Conv2d(8, 3, 1)), (2, 3, 5, 4)),
        "conv3_wide": (Case(16, lambda m, x: m.op(x), op=nn.Conv2d(16, 33, 3, padding=1)), (1, 3, 4, 7)),
        "up": (Case(6, lambda m, x: m.op(x), op=nn.ConvTranspose2d(6, 4, 2, stride=2)), (2, 3, 3, 5)),
        "batchnorm": (Case(6, lambda m, x: m.op(x), op=bn), (2, 3, 5, 7)),
        "batchnorm_relu": (Case(5, lambda m, x: F.relu(m.op(x)), op=bn2), (3, 3, 4, 3)),
        "relu": (Case(5, lambda m, x: F.relu(x)), (2, 3, 5, 6)),
        "maxpool": (Case(6, lambda m, x: F.max_pool2d(x, 2)), (2, 3, 7, 9)),
        "reflect_pad": (Case(4, lambda m, x: F.pad(x, (2, 3, 1, 4), mode="reflect")), (2, 3, 6, 5)),
        "crop": (Case(4, lambda m, x: x[:, :, 1:-2, 3:-1]), (2, 3, 6, 8)),
        "skip": (Case(4, lambda m, x: torch.cat([x, m.up(F.max_pool2d(x, 2))], 1), up=nn.ConvTranspose2d(4, 5, 2, stride=2)), (2, 3, 6, 8)),
    }
    for name, (net, shape) in cases.items():
        record(out, name, net, float32(torch.randn(shape)))
    write("ops.safetensors", out)


class Block(nn.Module):
    def __init__(self, ic, mid, oc, same):
        super().__init__()
        for i, (a, b) in enumerate(((ic, mid), (mid, oc)), 1):
            self.add_module(f"conv{i}", nn.Conv2d(a, b, 3, padding=1 if same else 0, bias=not same))
            if same:
                self.add_module(f"bn{i}", nn.BatchNorm2d(b))
        self.same = same

    def forward(self, x):
        if self.same:
            return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class UNet(nn.Module):
    """Both variants with the module names of model/nets/unet.c."""

    def __init__(self, base, depth, outputs, same):
        super().__init__()
        c = [base << i for i in range(depth + 1)]
        self.encoder = nn.ModuleList(Block(3 if i == 0 else c[i - 1], c[i], c[i], same) for i in range(depth))
        self.bottleneck = Block(c[depth - 1], c[depth], c[depth] if same else c[depth] // 2, same)
        self.decoder = nn.ModuleList()
        for level in reversed(range(depth)):
            block = Block(2 * c[level], c[level], c[level] if same or level == 0 else c[level] // 2, same)
            block.add_module("up", nn.ConvTranspose2d(c[level + 1] if same else c[level], c[level], 2, stride=2))
            self.decoder.append(block)
        self.head = nn.Conv2d(base, outputs, 1)
        self.same, self.depth = same, depth

    def forward(self, x):
        h, w = x.shape[2:]
        if self.same:
            m = 1 << self.depth
            ph, pw = -h % m, -w % m
        else:
            ph, pw = (self.valid_side(h) - h, self.valid_side(w) - w)
        if ph or pw:
            x = F.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2), mode="reflect")
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for block in self.decoder:
            x, s = block.up(x), skips.pop()
            top, left = (s.shape[2] - x.shape[2]) // 2, (s.shape[3] - x.shape[3]) // 2
            x = block(torch.cat([s[:, :, top : top + x.shape[2], left : left + x.shape[3]], x], 1))
        x = self.head(x)
        top, left = (x.shape[2] - h) // 2, (x.shape[3] - w) // 2
        return x[:, :, top : top + h, left : left + w]

    def valid_side(self, n):
        """Smallest input side whose pools halve without rest and whose output is at least n, by trial."""
        side = n
        while True:
            s, ok = side, True
            for _ in range(self.depth):
                s -= 4
                ok, s = ok and s > 0 and s % 2 == 0, s // 2
            s -= 4
            for _ in range(self.depth):
                s = 2 * s - 4
            if ok and s >= n:
                return side
            side += 1


def unets():
    for name, same, base, h, w, outputs in (("same", True, 4, 10, 14, 3), ("original", False, 2, 24, 26, 1)):
        out = {}
        net = UNet(base, 2, outputs, same)
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.weight.data.uniform_(0.5, 1.5)
                m.bias.data.uniform_(-0.3, 0.3)
        record(out, "unet", net, float32(torch.rand(2, 3, h, w) * 2 - 1))
        out["shape"] = torch.tensor([base, 2, outputs, h, w], dtype=torch.uint8)
        write(f"unet_{name}.safetensors", out)


def losses():
    out = {}
    z = float32(torch.randn(2, 5, 7, 4) * 2)  # NHWC
    y = torch.randint(0, 4, (2, 5, 7), dtype=torch.uint8)
    y[0, 1, 2:5] = 255
    weights = torch.tensor([0.25, 1.0, 2.5, 0.75])
    keep = y != 255
    out["many/logits"], out["many/labels"], out["many/weights"] = z, y, weights

    def dice(p, t):
        """p, t [pixels]; s = 1"""
        return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)

    def many_dice(v):
        p = v.softmax(3)[keep]
        t = F.one_hot(y[keep].long(), 4).double()
        return sum(dice(p[:, c], t[:, c]) for c in range(4)) / 4

    def cross(v, w=None):
        target = torch.where(keep, y.long(), torch.tensor(-100))
        return F.cross_entropy(v.permute(0, 3, 1, 2), target, weight=w)

    for name, rule in (("ce", cross), ("ce_weighted", lambda v: cross(v, weights)), ("dice", many_dice), ("ce_dice", lambda v: cross(v) + many_dice(v))):
        v = z.clone().requires_grad_()
        loss = rule(v)
        loss.backward()
        out[f"many/{name}/loss"], out[f"many/{name}/grad"] = loss.reshape(1), v.grad

    zb = float32(torch.randn(3, 4, 6, 1) * 3)
    yb = torch.randint(0, 2, (3, 4, 6), dtype=torch.uint8)
    yb[2, 0, 0] = 255
    kb = yb != 255
    out["binary/logits"], out["binary/labels"] = zb, yb

    def bce(v):
        return F.binary_cross_entropy_with_logits(v[..., 0][kb], yb[kb].double())

    def binary_dice(v):
        return dice(v[..., 0].sigmoid()[kb], yb[kb].double())

    for name, rule in (("bce", bce), ("dice", binary_dice), ("bce_dice", lambda v: bce(v) + binary_dice(v))):
        v = zb.clone().requires_grad_()
        loss = rule(v)
        loss.backward()
        out[f"binary/{name}/loss"], out[f"binary/{name}/grad"] = loss.reshape(1), v.grad

    # Adam and AdamW: five steps of one 3x2x1x1 weight with its bias; decay on the weight only
    for name, kind, decay in (("adam", torch.optim.Adam, 0.0), ("adam_l2", torch.optim.Adam, 0.05), ("adamw", torch.optim.AdamW, 0.05)):
        w, b = float32(torch.randn(3, 2, 1, 1)), float32(torch.randn(3))
        w, b = nn.Parameter(w), nn.Parameter(b)
        opt = kind([{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0}], lr=0.01)
        out[f"{name}/w0"], out[f"{name}/b0"] = w.clone(), b.clone()
        for step in range(5):
            w.grad, b.grad = float32(torch.randn(3, 2, 1, 1)), float32(torch.randn(3))
            out[f"{name}/gw{step}"], out[f"{name}/gb{step}"] = w.grad.clone(), b.grad.clone()
            opt.step()
            out[f"{name}/w{step + 1}"], out[f"{name}/b{step + 1}"] = w.clone(), b.clone()
    write("losses.safetensors", out)


if __name__ == "__main__":
    operators()
    unets()
    losses()
