"""What every benchmark shares: servers, load, request bodies, a made-up network, reports."""
