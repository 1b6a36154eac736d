"""The whole product on one machine: addresses, secrets, service processes, the first start."""
