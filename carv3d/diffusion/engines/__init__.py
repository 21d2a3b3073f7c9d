"""What runs a frozen denoiser on a CPU where no gradient passes through it, in place of torch."""
