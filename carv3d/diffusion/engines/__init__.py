"""What runs a frozen denoiser on a CPU where no gradient passes through it, in place of torch: carv3d's own compiled
loops, OpenVINO or ONNX Runtime."""
