"""Sends a forecast, leaves its connection idle, and sends another over the same one."""

import argparse
import http.client
import json
import sys
import time

BODY = json.dumps({"values": [112, 118, 132, 129, 121, 135] * 8, "horizon": 12})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--path", default="/forecast")
    parser.add_argument("--seconds", type=float, default=65)
    arguments = parser.parse_args()
    connection = http.client.HTTPConnection(arguments.address, timeout=30)
    statuses = []
    sockets = []
    for pause in (arguments.seconds, 0):
        connection.request("POST", arguments.path, BODY)
        sockets.append(connection.sock)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        time.sleep(pause)
    same = sockets[0] is sockets[1]
    print(f"answers: {statuses}; {'the same' if same else 'another'} connection")
    sys.exit(statuses != [200, 200] or not same)


if __name__ == "__main__":
    main()
