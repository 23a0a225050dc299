"""What the integration tests stand on: a real broker, a real blob service, a proxy that fails on request, the penstock
process, and witnesses that read what it wrote with other people's code."""
