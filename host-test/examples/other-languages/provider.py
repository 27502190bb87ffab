"""The invented provider of the two plugins, Quechua Pay, on this machine. Everything is in memory.

It prints its address as JSON, {"listening": "http://127.0.0.1:PORT"}, and serves until it is ended. Each argument
PUBLIC=LOCAL is an address at which deliveries for a public one are taken.

A key is test-key-NAME or live-key-NAME: its merchant is NAME. One that ends in -invalid is not accepted.
"""
import hashlib
import hmac
import itertools
import json
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

deliver_to = dict(argument.split("=", 1) for argument in sys.argv[1:])
lock = threading.RLock()
number = itertools.count(1)
payments, refunds, events, answered, webhooks = {}, {}, [], {}, {}
refunds_fail = False


class Refusal(Exception):
    """An answer with another status than 2xx."""

    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


def event(kind, name, thing):
    """Something has happened to a payment or a refund: it is listed, and delivered."""
    happened = {"id": f"event-{next(number)}", "type": kind, "at": int(time.time()), name: dict(thing)}
    happened[name].pop("key")
    events.append((thing["key"], happened))
    for url, secret in webhooks.get(thing["key"], {}).items():
        threading.Thread(target=deliver, args=(url, secret, happened), daemon=True).start()


def deliver(url, secret, happened):
    body, at = json.dumps(happened).encode(), str(int(time.time()))
    signature = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    public = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    address = url.replace(public, deliver_to.get(public, public), 1)
    headers = {"quechua-signature": f"{at}.{signature}", "content-type": "application/json"}
    try:
        urllib.request.urlopen(urllib.request.Request(address, body, headers)).close()
    except OSError:
        pass  # It is listed all the same.


def create_payment(key, asked):
    if not asked["amount"].isdigit() or int(asked["amount"]) == 0:
        raise Refusal(422, "amount_invalid")
    if asked["currency"] not in ("usd", "clp", "jpy", "kwd"):
        raise Refusal(422, "currency_invalid")
    id = f"pay-{next(number)}"
    made = {
        "id": id, "page": f"http://127.0.0.1:{server.server_port}/pay/{id}", "key": key, "status": "open",
        "mode": key[:4], "received": "0", "refunded": "0", "created": int(time.time()), "failure": None, **asked,
    }
    payments[made["id"]] = made
    event("payment.created", "payment", made)
    return made


def create_refund(key, asked):
    paid = find(payments, key, asked["payment"])
    same = [r for r in refunds.values() if r["payment"] == paid["id"] and r["reference"] == asked["reference"]]
    if [r for r in same if r["status"] != "failed"]:
        return same[-1]
    left = int(paid["received"]) - int(paid["refunded"])
    amount = int(asked["amount"] or left)
    if paid["status"] != "paid":
        raise Refusal(409, "not_paid")
    if not 0 < amount <= left:
        raise Refusal(409, "already_refunded" if left == 0 else "amount_invalid")
    status = "failed" if refunds_fail else "succeeded"
    made = {
        **asked, "id": f"refund-{next(number)}", "key": key, "status": status, "amount": str(amount),
        "currency": paid["currency"], "created": int(time.time()),
    }
    refunds[made["id"]] = made
    if status == "succeeded":
        paid["refunded"] = str(int(paid["refunded"]) + amount)
    event("refund.updated", "refund", made)
    return made


def change(payment, status):
    """What the customer or the merchant does to a payment. The same again changes nothing."""
    if payment["status"] == status:
        return payment
    if payment["status"] not in ("open", "declined"):
        raise Refusal(409, f"already_{payment['status']}")
    payment["status"] = status
    payment["received"] = payment["amount"] if status == "paid" else "0"
    payment["failure"] = "card_declined" if status == "declined" else None
    event(f"payment.{status}", "payment", payment)
    return payment


def find(things, key, id):
    if id not in things or things[id]["key"] != key:
        raise Refusal(404, "not_found")
    return things[id]


def once(key, idempotency_key, asked, make):
    """Carries out a change once, however often it is sent."""
    if idempotency_key is None:
        return make(key, asked)
    before, made = answered.get((key, idempotency_key), (asked, None))
    if before != asked:
        raise Refusal(409, "key_reused")
    made = made or make(key, asked)
    answered[key, idempotency_key] = asked, made
    return made


def answer(method, path, query, key, idempotency_key, asked):
    """The API."""
    match [method, *path]:
        case ["GET", "account"]:
            return {"id": f"account-of-{key[9:]}"}
        case ["POST", "payments"]:
            return once(key, idempotency_key, asked, create_payment)
        case ["POST", "refunds"]:
            return once(key, idempotency_key, asked, create_refund)
        case ["POST", "payments", id, "cancel"]:
            return change(find(payments, key, id), "canceled")
        case ["GET", ("payments" | "refunds") as kind, id]:
            return find({"payments": payments, "refunds": refunds}[kind], key, id)
        case ["GET", ("payments" | "refunds") as kind]:
            all = {"payments": payments, "refunds": refunds}[kind].values()
            fits = lambda thing: thing["key"] == key and all_equal(thing, query)
            return {"data": [thing for thing in all if fits(thing)]}
        case ["GET", "events"]:
            mine = [e for k, e in reversed(events) if k == key and e["at"] >= int(query["since"])]
            ids = [e["id"] for e in mine]
            start = ids.index(query["after"]) + 1 if "after" in query else 0
            page = mine[start : start + int(query["limit"])]
            has_more = start + len(page) < len(mine)
            return {"data": page, "more": has_more, "now": int(time.time())}
        case ["POST", "dashboard", "webhooks"]:
            webhooks.setdefault(key, {})[asked["url"]] = asked["secret"]
            return {}
        case ["GET", "dashboard", "webhooks"]:
            return {"data": list(webhooks.get(key, {}))}
        case _:
            raise Refusal(404, "not_found")


def all_equal(thing, query):
    return all(thing.get(name) == value for name, value in query.items())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        global refunds_fail
        url = urlsplit(self.path)
        path = url.path.strip("/").split("/")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        with lock:
            if path[0] == "pay":
                return self.page(payments[path[1]], parse_qs(body.decode()))
            if path == ["dashboard", "refunds", "fail"]:
                refunds_fail = True
                return self.send(200, {})
            key = (self.headers["authorization"] or "").removeprefix("Bearer ")
            try:
                if key[:9] not in ("test-key-", "live-key-") or key.endswith("-invalid"):
                    raise Refusal(401, "key_invalid")
                asked = json.loads(body) if body else {}
                given = self.headers["idempotency-key"]
                return self.send(200, answer(self.command, path, query, key, given, asked))
            except Refusal as refusal:
                return self.send(refusal.status, {"code": refusal.code})

    def page(self, payment, form):
        """The customer pays, or is declined."""
        if not form:
            return self.send(200, {"amount": payment["amount"], "currency": payment["currency"]})
        change(payment, "paid" if "pay" in form else "declined")
        return self.send(303, {}, location=payment["return"])

    def send(self, status, value, **headers):
        value = {name: part for name, part in value.items() if name != "key"}
        if "data" in value:
            hidden = lambda thing: {n: p for n, p in thing.items() if n != "key"} if isinstance(thing, dict) else thing
            value["data"] = [hidden(thing) for thing in value["data"]]
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = handle_any

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"listening": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()
