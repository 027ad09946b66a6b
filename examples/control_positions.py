"""The published example: sign in and list open positions, beside a running engine."""

import grpc

from arbiter_pb2 import AuthRequest, PositionsRequest
from arbiter_pb2_grpc import UserServiceStub

# Connect
channel = grpc.insecure_channel("localhost:50051")
stub = UserServiceStub(channel)

# Authenticate
auth_response = stub.Authenticate(AuthRequest(user_id="telegram:123456", credential="signature"))

# Make an authenticated request
metadata = [("authorization", f"Bearer {auth_response.access_token}")]
positions = stub.GetPositions(PositionsRequest(), metadata=metadata)

for pos in positions.positions:
    print(f"{pos.market_name}: {pos.size} @ {pos.entry_price}")
