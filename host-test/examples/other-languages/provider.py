"""The invented provider of the two plugins, on this machine: it makes a payment for each POST with the merchant's key.

Its first argument is the file into which it writes its address.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

made = {}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        is_right = self.path == "/payments" and self.headers["authorization"] == "Bearer key-of-the-shop"
        key = self.headers["idempotency-key"]
        paid = {**asked, "id": f"pay-{len(made) + 1}", "status": "open", "created": 1900000000}
        body = json.dumps(made.setdefault(key, paid) if is_right else {}).encode()
        self.send_response(201 if is_right else 403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w") as file:
    file.write(f"http://127.0.0.1:{server.server_port}\n")
server.serve_forever()
