"""gRPC under the ports `Caller` and `Service`: sealed envelopes travel as opaque bytes.

`client` asks, `server` answers, `fanout` broadcasts, `status` is the border where errors become statuses
and statuses errors again, `methods` is the one table of paths. Nothing here knows what an envelope says.
"""
