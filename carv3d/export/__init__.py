"""What leaves a run: pictures, videos, meshes, Gaussians. Never loads a teacher."""
