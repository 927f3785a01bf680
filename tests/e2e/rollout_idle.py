"""Sends a forecast, leaves the connection idle, and sends another one over it."""

import argparse
import http.client
import json
import sys
import time

BODY = json.dumps({"values": [112, 118, 132, 129, 121, 135] * 8, "horizon": 12})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT of the server")
    parser.add_argument("--path", default="/forecast", help="path of the requests")
    parser.add_argument("--seconds", type=float, default=65, help="idle time")
    arguments = parser.parse_args()
    connection = http.client.HTTPConnection(arguments.address, timeout=30)
    statuses = []
    sockets = []
    for pause in (arguments.seconds, 0):
        connection.request("POST", arguments.path, BODY)
        sockets.append(connection.sock)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        time.sleep(pause)
    same = sockets[0] is sockets[1]
    print(f"statuses: {statuses}; {'the same' if same else 'another'} connection")
    sys.exit(statuses != [200, 200] or not same)


if __name__ == "__main__":
    main()
