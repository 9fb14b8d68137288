"""A receiver that runs: python3 example.py PORT whsec_… [DATABASE]

Instead of the secret it takes Sayso's public key, whpk_…, as well.

Messages come to /in, and questions about what is held to /read.
"""

import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sayso_receiver import Receiver, SqliteStore, Verifier

BODY_BYTES_MAX = 16 << 20


def handler(receiver, lock):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            length = int(self.headers.get("content-length", 0))
            if length > BODY_BYTES_MAX:
                return self.answer(413, b"")
            body = self.rfile.read(length)
            take = {"/in": receiver.receive, "/read": receiver.read_back}.get(self.path)
            if take is None:
                return self.answer(404, b"")
            with lock:
                status, answer = take(self.headers, body)
            self.answer(status, answer)

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def main():
    port, secret, *rest = sys.argv[1:]
    path = rest[0] if rest else "received.db"
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    known = {"keys" if secret.startswith("whpk_") else "secrets": [secret]}
    receiver = Receiver(Verifier(**known), SqliteStore(database))
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), handler(receiver, threading.Lock()))
    print(f"listening on http://127.0.0.1:{server.server_address[1]}/in", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
