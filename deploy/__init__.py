"""Ways to run Heliodesk: `deploy.local` is the single-machine stack."""
