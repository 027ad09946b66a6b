"""The control API: gRPC on 127.0.0.1:50051 (GRPC_ADDR), the contract of `contracts/arbiter.proto`."""
