"""The web gateway: the HTTP surface that microprediction clients know, in front of one validator (docs/gateway.md).

    HTTP request --asking--> fields --door--> write key's hotkey --handlers--> StreamReader, StreamWriter
                                                                 <--shapes--- what the client parses

A write key, the secret that those clients send in the clear, exists in front of this door only; behind it hotkeys sign.
"""
