"""What leaves a run: pictures and videos. Never loads a teacher."""
