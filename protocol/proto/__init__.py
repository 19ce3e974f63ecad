"""The wire as protobuf: the definitions and what grpcio-tools made of them (`make proto`)."""
