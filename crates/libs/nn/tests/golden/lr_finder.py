"""fastai 2's learning-rate finder on a synthetic curve, for the golden values in src/train/lr_finder.rs.

The three functions are fastai 2.8's (`callback/schedule.py`, `learner.py`), retyped without
tensors: `SchedExp`, `AvgSmoothLoss`, `steep`. Run with Python 3 and NumPy.
"""
import numpy as np

N, START, END, BETA = 60, 1e-7, 10.0, 0.98
rates, smooth, value = [], [], 0.0
for i in range(N):
    x = i / N
    rates.append(START * (END / START) ** x)
    loss = 3 - 2 / (1 + np.exp(-(x - 0.6) * 20)) + 40 * max(x - 0.8, 0)
    value = loss + BETA * (value - loss)  # torch.lerp(loss, value, beta)
    smooth.append(value / (1 - BETA ** (i + 1)))
lrs, losses = np.array(rates), np.array(smooth)
print(lrs[30], losses[30], losses[59])
lrs, losses = lrs[N // 10:-5], losses[N // 10:-5]
grads = (losses[1:] - losses[:-1]) / (np.log(lrs[1:]) - np.log(lrs[:-1]))
print(lrs[grads.argmin()])
