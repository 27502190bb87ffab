"""Drives the fake Stripe with Stripe's official package for Python."""

import http.server
import json
import os
import subprocess
import threading
import unittest
import urllib.parse
import urllib.request

import stripe

HOST_TEST = os.environ["HOST_TEST"]


class Shop(http.server.ThreadingHTTPServer):
    """A shop at https://shop.example, which the fake finds on this machine."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Receiver)
        self.deliveries = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps each delivery."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.deliveries.append((self.headers["stripe-signature"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Fake:
    """A running fake."""

    def __init__(self, *args):
        command = [HOST_TEST, "fake-stripe", "--listen", "127.0.0.1:0", "--json", *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.url = json.loads(self.process.stdout.readline())["listening"]

    def client(self, key="sk_test_51Fake"):
        return stripe.StripeClient(key, base_addresses={"api": self.url}, max_network_retries=0)

    def trigger(self, event, *overrides):
        command = [HOST_TEST, "fake-stripe", "trigger", event, "--at", self.url, "--json"]
        for override in overrides:
            command += ["--override", override]
        return json.loads(subprocess.check_output(command))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def submit(url, **fields):
    body = urllib.parse.urlencode(fields).encode()
    with urllib.request.urlopen(url, body) as answer:
        assert answer.status == 200, url


class OfficialClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shop = Shop()
        origin = f"http://127.0.0.1:{cls.shop.server_port}"
        cls.fake = Fake("--deliver-origin", f"https://shop.example={origin}")
        cls.stripe = cls.fake.client()
        cls.endpoint = cls.stripe.v1.webhook_endpoints.create(
            {"url": "https://shop.example/webhook", "enabled_events": ["*"]}
        )

    @classmethod
    def tearDownClass(cls):
        cls.fake.stop()
        cls.shop.shutdown()
        cls.shop.server_close()

    def pay(self, **more):
        payment = {"amount": 1050, "currency": "usd", "payment_method": "pm_card_visa"}
        return self.stripe.v1.payment_intents.create({**payment, "confirm": True, **more})

    def test_account(self):
        self.assertTrue(self.stripe.v1.accounts.retrieve_current().charges_enabled)

    def test_webhook_endpoints_and_event_destinations(self):
        endpoints = self.stripe.v1.webhook_endpoints
        made = endpoints.create(
            {"url": "https://elsewhere.example/webhook", "enabled_events": ["charge.refunded"]}
        )
        self.assertTrue(made.secret.startswith("whsec_"))
        self.assertEqual(endpoints.update(made.id, {"disabled": True}).status, "disabled")
        listed = {endpoint.id for endpoint in endpoints.list().data}
        self.assertEqual(listed, {made.id, self.endpoint.id})
        destinations = self.stripe.v2.core.event_destinations
        shown = destinations.list({"include": ["webhook_endpoint.url"]}).data
        self.assertIn(made.url, [destination.webhook_endpoint.url for destination in shown])
        self.assertTrue(endpoints.delete(made.id).deleted)

    def test_checkout_session(self):
        price = {"currency": "usd", "unit_amount": 1050, "product_data": {"name": "A book"}}
        sessions = self.stripe.v1.checkout.sessions
        params = {
            "mode": "payment",
            "success_url": "https://shop.example/thanks",
            "line_items": [{"quantity": 1, "price_data": price}],
            "payment_intent_data": {"metadata": {"order": "1"}},
        }
        made = sessions.create(params)
        submit(made.url, card="4000 0000 0000 0002")
        submit(made.url, card="4242 4242 4242 4242")
        paid = sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge"]})
        self.assertEqual((paid.status, paid.payment_status), ("complete", "paid"))
        self.assertEqual(paid.payment_intent.metadata["order"], "1")
        self.assertTrue(paid.payment_intent.latest_charge.paid)
        charges = self.stripe.v1.charges.list({"payment_intent": paid.payment_intent.id})
        self.assertEqual([charge.status for charge in charges.data], ["succeeded", "failed"])
        self.assertEqual(sessions.expire(sessions.create(params).id).status, "expired")

    def test_authentication_capture_and_cancellation(self):
        intents = self.stripe.v1.payment_intents
        waiting = self.pay(payment_method="pm_card_authenticationRequired")
        submit(waiting.next_action.redirect_to_url.url, outcome="fail")
        failed = intents.retrieve(waiting.id)
        code = "payment_intent_authentication_failure"
        self.assertEqual(failed.last_payment_error.code, code)
        authorised = self.pay(capture_method="manual")
        captured = intents.capture(authorised.id, {"amount_to_capture": 900})
        self.assertEqual((captured.status, captured.amount_received), ("succeeded", 900))
        canceled = intents.cancel(self.pay(capture_method="manual").id)
        self.assertEqual(canceled.status, "canceled")

    def test_refunds_and_disputes(self):
        refunds = self.stripe.v1.refunds
        paid = self.pay()
        part = refunds.create({"payment_intent": paid.id, "amount": 50})
        rest = refunds.create({"charge": paid.latest_charge, "expand": ["charge"]})
        self.assertEqual((rest.amount, rest.charge.refunded), (1000, True))
        listed = refunds.list({"payment_intent": paid.id})
        self.assertEqual([refund.id for refund in listed.data], [rest.id, part.id])
        disputed = self.pay(payment_method="pm_card_createDispute")
        [dispute] = self.stripe.v1.disputes.list({"charge": disputed.latest_charge}).data
        read = self.stripe.v1.disputes.retrieve(dispute.id)
        self.assertEqual((read.status, read.payment_intent), ("needs_response", disputed.id))

    def test_pages_and_events(self):
        made = [self.pay().id for _ in range(12)]
        page = self.stripe.v1.payment_intents.list({"limit": 5})
        ids = [intent.id for intent in page.auto_paging_iter()]
        self.assertEqual(ids[:12], made[::-1])
        self.assertEqual(len(set(ids)), len(ids))
        before = {"limit": 2, "ending_before": ids[4]}
        newer = self.stripe.v1.payment_intents.list(before)
        self.assertEqual([intent.id for intent in newer.data], ids[2:4])
        [event] = self.stripe.v1.events.list({"type": "payment_intent.succeeded", "limit": 1}).data
        self.assertEqual(event.data.object["id"], made[-1])
        self.assertEqual(self.stripe.v1.events.retrieve(event.id).id, event.id)

    def test_idempotency(self):
        create = self.stripe.v1.payment_intents.create
        payment = {"amount": 1050, "currency": "usd"}
        options = {"idempotency_key": "order-1"}
        first = create(payment, options)
        self.assertEqual(create(payment, options).id, first.id)
        with self.assertRaises(stripe.IdempotencyError):
            create({**payment, "amount": 1051}, options)

    def test_errors(self):
        with self.assertRaises(stripe.CardError) as declined:
            self.pay(payment_method="pm_card_chargeDeclined")
        self.assertEqual(declined.exception.code, "card_declined")
        self.assertEqual(declined.exception.error.decline_code, "generic_decline")
        with self.assertRaises(stripe.InvalidRequestError) as missing:
            self.stripe.v1.refunds.retrieve("re_missing")
        self.assertEqual(missing.exception.code, "resource_missing")
        with self.assertRaises(stripe.AuthenticationError):
            self.fake.client("sk_test_51Invalid").v1.events.list()
        with self.assertRaises(stripe.PermissionError):
            self.fake.client("rk_test_51WithoutEvent").v1.events.list()
        busy = Fake("--trouble", "busy")
        self.addCleanup(busy.stop)
        with self.assertRaises(stripe.RateLimitError):
            busy.client().v1.events.list()

    def test_signature_of_a_triggered_event(self):
        happened = self.fake.trigger("payment_intent.payment_failed", "amount=500")
        self.assertEqual([one["status"] for one in happened["deliveries"]], [200])
        received = {}
        for signature, body in self.shop.deliveries:
            event = self.stripe.construct_event(body, signature, self.endpoint.secret)
            received[event.id] = event
            with self.assertRaises(stripe.SignatureVerificationError):
                self.stripe.construct_event(body + b" ", signature, self.endpoint.secret)
        event = received[happened["event"]["id"]]
        self.assertEqual(event.data.object["amount"], 500)


if __name__ == "__main__":
    unittest.main()
