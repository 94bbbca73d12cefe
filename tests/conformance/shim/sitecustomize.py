"""Lets torchvision 0.25, the newest that lerobot 0.4.4 takes, be imported beside a newer torch than its own.

Its two compiled operators are declared, never called; Python runs this by itself at its start.
"""

import torch

library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
