"""PyTorch training steps on data in GPU memory, for run.py.

    peer.py NETWORK PX DEVICE PRECISION eager|compile [--dry]

Prints a line of JSON, then answers each line `steps BATCH COUNT` with the seconds of COUNT steps, or
with {"full": true}. Set up as PyTorch's guides recommend: channels_last, bf16 autocast,
cudnn.benchmark, a fused optimizer, gradients set to None. --dry generates no compiled code (on a CPU
that takes minutes); it only tests the protocol.
"""

import json
import sys
import time

import torch
import torchvision

LABELS = 28
# Three processes share the GPU.
SHARE = 0.3


def network(name, device):
    """torchvision's network with four input channels and one logit per label."""
    model = getattr(torchvision.models, name)(num_classes=LABELS)
    model.conv1 = torch.nn.Conv2d(4, 64, 7, 2, 3, bias=False)
    return model.to(device, memory_format=torch.channels_last).train()


class Peer:
    def __init__(self, name, px, device, precision, mode, dry):
        self.name, self.px, self.device, self.mode, self.dry = name, px, device, mode, dry
        self.is_bf16, self.batch, self.step = precision == "bf16", 0, None
        if device == "cuda":
            torch.backends.cudnn.benchmark = True
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
            torch.cuda.set_per_process_memory_fraction(SHARE)

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def prepare(self, batch):
        """A warmed-up training step with this batch size."""
        model = network(self.name, self.device)
        fused = self.device == "cuda"
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=fused)
        images = torch.randn(batch, 4, self.px, self.px, device=self.device)
        images = images.contiguous(memory_format=torch.channels_last)
        targets = (torch.rand(batch, LABELS, device=self.device) > 0.9).float()

        def loss_of(images):
            with torch.autocast(self.device, torch.bfloat16, enabled=self.is_bf16):
                logits = model(images)
            return torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)

        if self.mode == "compile":
            loss_of = torch.compile(loss_of, backend="eager" if self.dry else "inductor")

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss_of(images).backward()
            optimizer.step()

        for _ in range(3):
            step()
        self.wait()
        return step

    def steps(self, batch, count):
        try:
            if self.batch != batch:
                self.batch, self.step = 0, None
                if self.device == "cuda":
                    torch.cuda.empty_cache()
                self.batch, self.step = batch, self.prepare(batch)
            start = time.perf_counter()
            for _ in range(count):
                self.step()
            self.wait()
            return {"seconds": time.perf_counter() - start}
        except torch.OutOfMemoryError:
            self.batch, self.step = 0, None
            torch.cuda.empty_cache()
            return {"full": True}


def main():
    name, px, device, precision, mode, *rest = sys.argv[1:]
    peer = Peer(name, int(px), device, precision, mode, "--dry" in rest)
    gpu = torch.cuda.get_device_name(0) if device == "cuda" else "CPU"
    print(json.dumps({"version": torch.__version__, "gpu": gpu}), flush=True)
    for line in sys.stdin:
        word, batch, count = line.split()
        assert word == "steps", line
        print(json.dumps(peer.steps(int(batch), int(count))), flush=True)


main()
