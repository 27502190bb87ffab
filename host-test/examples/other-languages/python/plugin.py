"""A payment plugin in Python, as small as the contract allows. Its provider, Quechua Pay, is invented.

What it does not do is refused with a problem, so that a flow is told.
"""
import hashlib
import hmac
import json

from componentize_py_types import Err, Ok
from wit_world.imports import http, types as t

API = "https://api.quechua.example"


def sign(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


# There are no files at run time. What Python imports at the first use of a function has to be used once while the
# component is built.
sign("", b"")
json.loads(json.dumps({}).encode())


def problem(code, message):
    return t.Problem(code, message, [])


def not_made():
    return Err(t.ProviderError_Refused(problem("not-implemented", "This example does not do it.")))


def credential(name, label, role):
    accepted = t.CredentialMeaning_Accepted(t.AcceptedCredential("any", None))
    rules = [t.CredentialRule("^.{8,}$", accepted)]
    return t.CredentialField(name, label, f"Paste the {label}.", True, True, role, rules)


def payment(installation, paid):
    is_paid = paid["status"] == "paid"
    status = t.PaymentStatus.APPROVED if is_paid else t.PaymentStatus.PENDING
    link = t.CustomerLink(f"https://pay.quechua.example/{paid['id']}", None)
    return t.Payment(
        id=paid["id"],
        aliases=[paid["id"]],
        reference=paid["reference"],
        attempt_id=paid["attempt"],
        mode=installation.mode,
        status=status,
        provider_status=paid["status"],
        amount=t.Money(paid["amount"], paid["currency"]),
        received=paid["amount"] if is_paid else 0,
        refunded=0,
        failure=None,
        awaits=t.Awaited_Nothing() if is_paid else t.Awaited_Customer(link),
        disputes=[],
        created_at=paid["created"],
        extras=[],
    )


class PaymentProvider:
    def describe(self):
        return t.Manifest(
            provider_id="QUECHUA",
            name="Quechua Pay",
            category="payments",
            version="1.0.0",
            credentials=[
                credential("api-key", "API key", t.CredentialRole.AUTHORIZATION),
                credential("webhook-secret", "signing secret", t.CredentialRole.SIGNING_SECRET),
            ],
            mode_source=t.ModeSource.MERCHANT,
            events=["payment.paid"],
            origins=[t.Origin(API, None, t.Authorization_Bearer("api-key"))],
            customer_origins=["https://pay.quechua.example"],
            signature_headers=["quechua-signature"],
            permissions=[],
            repeat=t.RepeatRules(None, [429, 503]),
            allotment=t.Allotment(None, None),
            extras=[],
        )

    def install(self, context, request):
        urls = request.webhook_urls.installation
        given = [c.signing_secret for c in request.credentials if c.signing_secret is not None]
        webhook = t.WebhookRegistration(
            endpoint_id=None,
            url=urls.test if request.mode == t.Mode.TEST else urls.live,
            owner=t.WebhookOwner.MERCHANT,
            verification=t.Verification.BY_PLUGIN,
            signing_secrets=given,
            problem=None,
        )
        return t.Installation(
            request.installation_id, request.workspace, request.mode, None, webhook, []
        )

    def repair(self, context, installation, request):
        return t.RepairOutcome(installation, [])

    def uninstall(self, context, installation):
        return None

    def report_status(self, context, installation, request):
        return t.StatusReport([t.Check("plugin", t.Verdict.PASS, "The plugin answers.", [])])

    def create_payment(self, context, installation, request):
        body = {
            "reference": request.reference,
            "attempt": request.attempt_id,
            "amount": request.amount.minor_units,
            "currency": request.amount.currency,
            "return": request.success_url,
        }
        headers = [
            ("content-type", "application/json"),
            ("idempotency-key", request.idempotency_key),
        ]
        sent = http.Request("POST", f"{API}/payments", headers, json.dumps(body).encode())
        match http.send([sent]):
            case [Ok(response)] if response.status == 201:
                return payment(installation, json.loads(response.body))
            case [Ok(response)]:
                why = problem("provider-refused", f"The provider answered {response.status}.")
                raise Err(t.ProviderError_Refused(why))
            case [Err(failure)] if not failure.request_sent:
                raise Err(t.ProviderError_Unavailable(problem("not-sent", failure.message)))
            case _:
                why = problem("no-answer", "The provider did not answer.")
                raise Err(t.ProviderError_UnknownOutcome(why))

    def find_payment(self, context, installation, search):
        raise not_made()

    def get_payment(self, context, installation, id):
        raise not_made()

    def complete_payment(self, context, installation, request):
        raise not_made()

    def cancel_payment(self, context, installation, id):
        raise not_made()

    def refund_payment(self, context, installation, request):
        raise not_made()

    def find_refund(self, context, installation, search):
        raise not_made()

    def get_refund(self, context, installation, id):
        raise not_made()

    def identify_webhook(self, context, request):
        return t.WebhookIdentity(None, None, None, None, None)

    def handle_webhook(self, context, installation, request):
        given = dict(request.headers).get("quechua-signature", "")
        if not any(
            hmac.compare_digest(sign(secret, request.body), given)
            for secret in installation.webhook.signing_secrets
        ):
            why = problem("signature-mismatch", "The signature does not match.")
            raise Err(t.WebhookError_Refused(why))
        event = json.loads(request.body)
        subject = t.EventSubject_Payment(payment(installation, event["payment"]))
        return t.WebhookOutcome_Event(
            t.DeliveredEvent(
                True,
                t.Event(event["id"], event["type"], event["at"], subject, t.Authority.SIGNED),
            )
        )

    def list_events(self, context, installation, query):
        return t.EventPage([], None, context.now)
