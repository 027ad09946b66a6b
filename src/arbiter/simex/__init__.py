"""Exchange simulators as real servers, in the venues' own REST and WebSocket formats."""
