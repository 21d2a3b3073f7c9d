"""What leaves a run: images, videos, meshes, Gaussians. Never loads a teacher."""
