"""Golden values of resizing: OpenCV 5.0.0 `INTER_AREA`, Pillow 13.0.0 `LANCZOS` in floats.

    python resize.py > resize.txt

Each line: filter, source side, target side, target levels row by row. The source level at (x, y)
is (3 x² + 7 y + x y) mod 256; Pillow works on floats, rounded and clamped once.
"""

import cv2
import numpy as np
from PIL import Image


def source(side):
    y, x = np.mgrid[:side, :side]
    return ((3 * x * x + 7 * y + x * y) % 256).astype(np.uint8)


for side, target in [(37, 16), (64, 20), (48, 16), (96, 7), (30, 29)]:
    area = cv2.resize(source(side), (target, target), interpolation=cv2.INTER_AREA)
    print("area", side, target, *area.ravel())
for side, target in [(37, 16), (64, 20), (48, 16), (96, 7), (20, 33)]:
    image = Image.fromarray(source(side).astype(np.float32), "F")
    lanczos = np.asarray(image.resize((target, target), Image.Resampling.LANCZOS))
    print("lanczos", side, target, *np.clip(np.rint(lanczos), 0, 255).astype(int).ravel())
