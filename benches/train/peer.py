"""The peer of the benchmark: steps of PyTorch or ONNX Runtime, on request.

    peer.py torch|onnx FILE.onnx NETWORK PX BATCH train|eval f32|bf16 THREADS
    peer.py export FILE.onnx NETWORK PX BATCH      writes the network for ONNX Runtime
"""

import json
import sys
import time

LABELS = 28


def network(name, torch):
    """torchvision's network with four input channels and one logit per label."""
    import torchvision

    model = getattr(torchvision.models, name)(num_classes=LABELS)
    model.conv1 = torch.nn.Conv2d(4, 64, 7, 2, 3, bias=False)
    return model


def torch_step(name, px, batch, mode, precision):
    """One training step or one evaluation by PyTorch, channels_last."""
    import torch

    layout = torch.channels_last
    model = network(name, torch).to(memory_format=layout)
    images = torch.randn(batch, 4, px, px).contiguous(memory_format=layout)
    targets = (torch.rand(batch, LABELS) > 0.9).float()
    is_bf16 = precision == "bf16"

    def evaluate():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            model(images)

    if mode == "eval":
        model.eval()
        return evaluate
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            logits = model(images)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)
        loss.backward()
        optimizer.step()

    return train


def onnx_step(path, px, batch, threads):
    """One evaluation by ONNX Runtime, all of its graph optimisations on."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    images = numpy.random.default_rng(1).standard_normal((batch, 4, px, px), numpy.float32)
    return lambda: session.run(None, {"images": images})


def export(name, px, batch, path):
    """Writes the network in evaluation mode for ONNX Runtime."""
    import torch

    model, images = network(name, torch).eval(), torch.randn(batch, 4, px, px)
    torch.onnx.export(model, (images,), path, input_names=["images"], dynamo=False)


def peak_kib():
    """The peak of this process's memory."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def contest(peer, path, arguments):
    """The peer's side of the conversation."""
    name, px, batch, mode, precision, threads = arguments
    px, batch, threads = int(px), int(batch), int(threads)
    if peer == "onnx":
        step = onnx_step(path, px, batch, threads)
        import onnxruntime as framework
    else:
        import torch as framework

        framework.set_num_threads(threads)
        step = torch_step(name, px, batch, mode, precision)
    step()
    print(json.dumps({"version": framework.__version__}), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "peak_kib": peak_kib()}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    if sys.argv[1] == "export":
        path, name, px, batch = sys.argv[2:]
        export(name, int(px), int(batch), path)
    else:
        contest(sys.argv[1], sys.argv[2], sys.argv[3:])
