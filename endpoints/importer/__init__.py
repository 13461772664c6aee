"""The import engine: takes a stream of Pinpoint's CSV or JSON lines, gives back an audience. Knows nothing of segments or S3.

``scan`` reads a whole file once and refuses it before anything is written, or divides it into pieces; ``piece`` imports one.
"""
