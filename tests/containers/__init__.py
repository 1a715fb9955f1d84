"""The containers of docker-compose.yaml, built and run for real by a Docker engine of the tests' own."""
