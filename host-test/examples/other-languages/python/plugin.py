"""A payment plugin in Python that implements the whole contract. Its provider, Quechua Pay, is invented."""
import hashlib
import hmac
import json
import re
from urllib.parse import urlencode

from componentize_py_types import Err, Ok
from wit_world.imports import http, types as t

API = {t.Mode.TEST: "https://api.test.quechua.example", t.Mode.LIVE: "https://api.quechua.example"}
PAGES = "https://pay.quechua.example"
# How far the time of a signature may be from the host's clock, in seconds. Source: Quechua Pay's documentation.
TOLERANCE = 300
# No delivery of Quechua Pay is larger, in bytes. An interpreter could not sign 1 MiB in the time of a call.
LARGEST_DELIVERY = 64 << 10

TRY_AGAIN = "Wait a minute and try again."
REPEAT = "Repeat it with the same reference: that is safe and never charges twice."
COPY_THE_KEY = "In Quechua Pay, open Settings, copy the API key, and install with it."
COPY_THE_SECRET = "In Quechua Pay, open Webhooks, copy the signing secret, and install again with it."


def problem(code, message, step):
    return t.Problem(code, message, [step])


def refused(code, message, step):
    return Err(t.ProviderError_Refused(problem(code, message, step)))


# What Quechua Pay's own codes mean.
REFUSALS = {
    "already_paid": ("payment-already-paid", "The payment is paid.", "To return the money, refund it."),
    "not_paid": ("payment-not-paid", "The payment is not paid.", "Wait until the customer has paid."),
    "already_refunded": ("payment-already-refunded", "All of it is refunded.", "You do not have to do anything."),
    "amount_invalid": ("amount-invalid", "Quechua Pay does not take this amount.", "Give another amount."),
    "currency_invalid": ("currency-invalid", "Quechua Pay does not take this currency.", "Use another currency."),
}


# What reading an answer of another form raises.
UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def ask(mode, path, read, body=None, key=None):
    """Sends a request, and reads its answer. The host adds the key. A change has a body, and an idempotency key if it
    may not happen twice."""
    headers = [("content-type", "application/json")]
    if key is not None:
        headers.append(("idempotency-key", key))
    is_write = body is not None
    content = json.dumps(body).encode() if is_write else b""
    request = http.Request("POST" if is_write else "GET", API[mode] + path, headers, content)
    [answer] = http.send([request])
    if isinstance(answer, Err):
        raise no_answer(answer.value, is_write)
    response = answer.value
    code = None
    try:
        said = json.loads(response.body)
        if 200 <= response.status < 300:
            return read(said)
        code = str(said["code"])
    except UNREADABLE:
        pass  # Not an answer of Quechua Pay's.
    raise refusal(response.status, code, is_write)


def refusal(status, code, is_write):
    """The error for an answer that is no success, or cannot be read. It has no code then."""
    if status == 401:
        return Err(t.ProviderError_InvalidCredentials(key_rejected()))
    if status == 403:
        message = "The API key lacks a permission."
        return Err(t.ProviderError_PermissionMissing(problem("permission-missing", message, COPY_THE_KEY)))
    if status == 404:
        message = "Quechua Pay does not have it in this account and mode."
        return Err(t.ProviderError_NotFound(problem("payment-not-found", message, "Check its id.")))
    if status == 429:
        message = "Quechua Pay is receiving too many requests at the moment. Nothing was changed."
        return Err(t.ProviderError_Unavailable(problem("provider-busy", message, TRY_AGAIN)))
    if code == "key_reused":
        message = "The reference was used for another request."
        return Err(t.ProviderError_KeySpent(problem("reference-used", message, "Use another reference.")))
    if 400 <= status < 500 and code is not None:
        otherwise = ("provider-refused", "Quechua Pay refused the request.", "Change the request, and try again.")
        return refused(*REFUSALS.get(code, otherwise))
    if is_write:
        return outcome_unknown()
    if status >= 500:
        message = "Quechua Pay has a problem of its own at the moment."
        return Err(t.ProviderError_Unavailable(problem("provider-error", message, TRY_AGAIN)))
    message = "Quechua Pay's answer could not be read."
    return Err(t.ProviderError_Other(problem("provider-answer-unreadable", message, TRY_AGAIN)))


def no_answer(failure, is_write):
    """The error for a request without an answer. What was not sent had no effect."""
    if failure.request_sent and is_write:
        return outcome_unknown()
    if failure.kind == http.FailureKind.DENIED:
        message = "The marketplace did not allow the request."
        return Err(t.ProviderError_Other(problem("call-denied", message, "Tell the marketplace's support.")))
    message = "Quechua Pay could not be reached."
    return Err(t.ProviderError_Unavailable(problem("provider-unreachable", message, TRY_AGAIN)))


def outcome_unknown():
    message = "No answer came from Quechua Pay. The request may have been carried out."
    return Err(t.ProviderError_UnknownOutcome(problem("outcome-unknown", message, REPEAT)))


def key_rejected():
    return problem("key-rejected", "Quechua Pay does not accept this API key.", COPY_THE_KEY)


def known_id(id, code):
    """An id that may become a part of a URL."""
    if not re.fullmatch("[a-z0-9-]{1,64}", id):
        message = "Quechua Pay has no such id."
        raise Err(t.ProviderError_NotFound(problem(code, message, "Check the id.")))
    return id


def ours(installation, thing, name):
    """What this workspace has written on a payment or a refund. Another workspace may use the same account."""
    is_ours = installation.workspace in ("", thing["workspace"])
    return thing[name] if is_ours else None


def payment(installation, said):
    statuses = {
        "paid": t.PaymentStatus.APPROVED,
        "declined": t.PaymentStatus.REJECTED,
        "canceled": t.PaymentStatus.CANCELED,
    }
    # A status that is not known decides nothing.
    status = statuses.get(said["status"], t.PaymentStatus.PENDING)
    link = t.CustomerLink(said["page"], None)
    if said["status"] in ("open", "declined"):
        awaits = t.Awaited_Customer(link)
    elif said["status"] in ("paid", "canceled"):
        awaits = t.Awaited_Nothing()
    else:
        awaits = t.Awaited_Provider("Quechua Pay is processing the payment.")
    declined = problem("payment-failed", "The card was declined.", "Ask the customer to try another card.")
    return t.Payment(
        id=said["id"],
        aliases=[said["id"]],
        reference=ours(installation, said, "reference"),
        attempt_id=ours(installation, said, "attempt"),
        mode=t.Mode.LIVE if said["mode"] == "live" else t.Mode.TEST,
        status=status,
        provider_status=said["status"],
        amount=t.Money(int(said["amount"]), said["currency"]),
        received=int(said["received"]),
        refunded=int(said["refunded"]),
        failure=declined if said["failure"] else None,
        awaits=awaits,
        disputes=[],
        created_at=said["created"],
        extras=[],
    )


def refund(installation, said):
    statuses = {"succeeded": t.RefundStatus_Succeeded(), "failed": t.RefundStatus_Failed()}
    failed = problem("refund-failed", "The bank refused the refund.", "Return the money in another way.")
    return t.Refund(
        id=said["id"],
        payment=said["payment"],
        reference=ours(installation, said, "reference"),
        attempt_id=ours(installation, said, "attempt"),
        status=statuses.get(said["status"], t.RefundStatus_Other(said["status"])),
        amount=t.Money(int(said["amount"]), said["currency"]),
        failure=failed if said["status"] == "failed" else None,
        created_at=said["created"],
    )


def event(installation, said):
    if "payment" in said:
        subject = t.EventSubject_Payment(payment(installation, said["payment"]))
    else:
        subject = t.EventSubject_Refund(refund(installation, said["refund"]))
    return t.Event(said["id"], said["type"], said["at"], subject, t.Authority.SIGNED)


def sign(secret, time, body):
    return hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify(secrets, header, body, now):
    """Verifies the signature first, and then its age. The header is TIME.HMAC."""
    time, _, signature = header.partition(".")
    if not re.fullmatch("[0-9]{1,12}", time) or not re.fullmatch("[0-9a-f]{64}", signature):
        code = "signature-malformed" if header else "signature-missing"
        message = "The delivery has no signature that can be read."
        raise Err(t.WebhookError_Refused(problem(code, message, "Let proxies pass the headers on unchanged.")))
    # A blank secret is none: anybody can sign with it.
    if not any(s and hmac.compare_digest(sign(s, time, body), signature) for s in secrets):
        message = "The delivery was not signed with a known signing secret, or was changed on the way."
        raise Err(t.WebhookError_Unverified(problem("signature-mismatch", message, COPY_THE_SECRET)))
    if abs(now - int(time)) > TOLERANCE:
        code = "timestamp-too-old" if int(time) < now else "timestamp-in-future"
        message = "The delivery was signed more than five minutes away from now."
        raise Err(t.WebhookError_Refused(problem(code, message, "Check the clock of the computer that receives it.")))


def credential(name, label, role, pattern, step):
    accepted = t.CredentialMeaning_Accepted(t.AcceptedCredential("any", None))
    rules = [t.CredentialRule(pattern, accepted)]
    return t.CredentialField(name, label, step, True, True, role, rules)


def read_account(mode):
    return ask(mode, "/account", lambda said: str(said["id"]))


# There are no files at run time. What Python imports at the first use of a function has to be used once while the
# component is built.
sign("", "", b"")
json.loads(json.dumps({}).encode())
re.fullmatch("[a-z0-9-]{1,64}", "")
urlencode({"a": "b"})


class PaymentProvider:
    def describe(self):
        bearer = t.Authorization_Bearer("api-key")
        return t.Manifest(
            provider_id="QUECHUA",
            name="Quechua Pay",
            category="payments",
            version="1.0.0",
            credentials=[
                credential("api-key", "API key", t.CredentialRole.AUTHORIZATION, "^(test|live)-key-[a-z-]+$", COPY_THE_KEY),
                credential("webhook-secret", "signing secret", t.CredentialRole.SIGNING_SECRET, "^.{8,}$", COPY_THE_SECRET),
            ],
            mode_source=t.ModeSource.MERCHANT,
            events=["payment.paid", "payment.declined", "payment.canceled", "refund.updated"],
            origins=[t.Origin(url, mode, bearer) for mode, url in API.items()],
            customer_origins=[PAGES],
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
        account = read_account(request.mode)
        return t.Installation(request.installation_id, request.workspace, request.mode, account, webhook, [])

    def repair(self, context, installation, request):
        if read_account(installation.mode) != installation.account:
            message = "The API key belongs to another account than the installed one."
            raise refused("account-mismatch", message, "Uninstall, and install again with the new key.")
        given = [c.signing_secret for c in request.credentials if c.changed and c.signing_secret is not None]
        known = installation.webhook.signing_secrets
        # The one before stays valid: deliveries are still under way.
        installation.webhook.signing_secrets = (given + [s for s in known if s not in given])[:2]
        return t.RepairOutcome(installation, [])

    def uninstall(self, context, installation):
        return None

    def report_status(self, context, installation, request):
        try:
            read_account(installation.mode)
        except Err as error:
            is_rejected = isinstance(error.value, t.ProviderError_InvalidCredentials)
            verdict = t.Verdict.FAIL if is_rejected else t.Verdict.UNKNOWN
            why = error.value.value
            return t.StatusReport([t.Check("key", verdict, why.message, why.remedy)])
        return t.StatusReport([t.Check("key", t.Verdict.PASS, "Quechua Pay accepts the API key.", [])])

    def create_payment(self, context, installation, request):
        if not re.fullmatch("[^\x00-\x1f\x7f-\x9f]{1,200}", request.reference):
            message = "A reference has 1 to 200 printable characters."
            raise refused("reference-invalid", message, "Use another reference.")
        if request.capture_method == t.CaptureMethod.MANUAL:
            message = "Quechua Pay takes the money at once."
            raise refused("not-implemented", message, "Ask for the payment without a later capture.")
        body = {
            "reference": request.reference,
            "attempt": request.attempt_id,
            "workspace": installation.workspace,
            # As a text: a number of JSON is not exact above 2^53.
            "amount": str(request.amount.minor_units),
            "currency": request.amount.currency,
            "return": request.success_url,
        }
        read = lambda said: payment(installation, said)
        return ask(installation.mode, "/payments", read, body, request.idempotency_key)

    def find_payment(self, context, installation, search):
        query = urlencode({"attempt": search.attempt_id, "workspace": installation.workspace})
        read = lambda said: [payment(installation, one) for one in said["data"]]
        found = ask(installation.mode, f"/payments?{query}", read)
        return t.PaymentSearchResult_Found(found[0]) if found else t.PaymentSearchResult_Absent()

    def get_payment(self, context, installation, id):
        id = known_id(id, "payment-not-found")
        return ask(installation.mode, f"/payments/{id}", lambda said: payment(installation, said))

    def complete_payment(self, context, installation, request):
        read = self.get_payment(context, installation, request.payment)
        if read.status != t.PaymentStatus.APPROVED:
            message = "Payments of Quechua Pay are completed by the customer."
            raise refused("payment-not-completable", message, "Wait until the customer has paid.")
        return read

    def cancel_payment(self, context, installation, id):
        id = known_id(id, "payment-not-found")
        return ask(installation.mode, f"/payments/{id}/cancel", lambda said: payment(installation, said), {})

    def refund_payment(self, context, installation, request):
        body = {
            "payment": known_id(request.payment, "payment-not-found"),
            "reference": request.reference,
            "attempt": request.attempt_id,
            "workspace": installation.workspace,
            "amount": None if request.minor_units is None else str(request.minor_units),
        }
        read = lambda said: refund(installation, said)
        return ask(installation.mode, "/refunds", read, body, request.idempotency_key)

    def find_refund(self, context, installation, search):
        id = known_id(search.payment, "payment-not-found")
        query = urlencode({"payment": id, "attempt": search.attempt_id, "workspace": installation.workspace})
        read = lambda said: [refund(installation, one) for one in said["data"]]
        found = ask(installation.mode, f"/refunds?{query}", read)
        return t.RefundSearchResult_Found(found[0]) if found else t.RefundSearchResult_Absent()

    def get_refund(self, context, installation, id):
        id = known_id(id, "refund-not-found")
        return ask(installation.mode, f"/refunds/{id}", lambda said: refund(installation, said))

    def identify_webhook(self, context, request):
        try:
            # Anybody can send one. The stack has no room for more levels than a delivery has.
            is_flat = request.body.count(b"{") + request.body.count(b"[") < 20
            id = json.loads(request.body)["payment"]["id"] if is_flat else ""
            id = id if re.fullmatch("[a-z0-9-]{1,64}", id) else None
        except UNREADABLE:
            id = None
        return t.WebhookIdentity(None, None, None, id, None)

    def handle_webhook(self, context, installation, request):
        if len(request.body) > LARGEST_DELIVERY:
            message = "The delivery is larger than those of Quechua Pay."
            raise Err(t.WebhookError_Refused(problem("body-malformed", message, "Look at the payment in Quechua Pay.")))
        given = [value for name, value in request.headers if name == "quechua-signature"]
        header = given[0] if len(given) == 1 else ""
        verify(installation.webhook.signing_secrets, header, request.body, context.now)
        try:
            happened = event(installation, json.loads(request.body))
        except UNREADABLE:
            message = "The delivery is genuine, but it cannot be read."
            raise Err(t.WebhookError_Refused(problem("body-malformed", message, "Look at the payment in Quechua Pay.")))
        return t.WebhookOutcome_Event(t.DeliveredEvent(True, happened))

    def list_events(self, context, installation, query):
        asked = {"since": query.since, "limit": query.limit}
        if query.cursor is not None:
            asked["after"] = query.cursor

        def read(said):
            events = [event(installation, one) for one in said["data"]]
            return t.EventPage(events, events[-1].id if said["more"] else None, said["now"])

        return ask(installation.mode, f"/events?{urlencode(asked)}", read)
