//! A payment plugin for the tests of `host-test`. It uses the parts of the contract that the Stripe plugin does
//! not use.
//!
//! Its provider is invented and answers lines of `name=value&name=value`. Each kind of object has its own
//! origin, so that one test sees every kind of authorization:
//!
//! | origin | authorization | for |
//! | --- | --- | --- |
//! | `https://payments.guest.example` | Basic, store id and token | both modes |
//! | `https://refunds.guest.example` | two headers | both modes |
//! | `https://events.test.guest.example` | OAuth, client in the body | test mode |
//! | `https://events.live.guest.example` | OAuth, client as Basic | live mode |

#![deny(unsafe_code)]

mod bindings;

use bindings::brain_studio::payments::http::{self, Request};
use bindings::brain_studio::payments::types::{
    AcceptedCredential, Allotment, AttemptSearch, Authority, Authorization, Awaited, Check,
    ClientAuthentication, CompletionRequest, Context, CredentialField, CredentialMeaning,
    CredentialRole, CredentialRule, CustomerLink, DeliveredEvent, Event, EventPage, EventQuery,
    EventSubject, InstallRequest, Installation, Manifest, Mode, ModeSource, Money, Oauth, Origin,
    Payment, PaymentHint, PaymentRequest, PaymentSearchResult, PaymentStatus, Problem,
    ProviderError, Refund, RefundRequest, RefundSearch, RefundSearchResult, RefundStatus,
    RepairOutcome, RepeatRules, StatusReport, StatusRequest, Verdict, Verification, WebhookError,
    WebhookIdentity, WebhookOutcome, WebhookOwner, WebhookRegistration, WebhookRequest,
};

/// The plugin.
pub struct TestGuest;

const PAYMENTS: &str = "https://payments.guest.example";
const REFUNDS: &str = "https://refunds.guest.example";

/// The origin of events in a mode.
fn events(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "https://events.test.guest.example",
        Mode::Live => "https://events.live.guest.example",
    }
}

fn problem(code: &str, message: &str) -> Problem {
    Problem { code: code.to_owned(), message: message.to_owned(), remedy: Vec::new() }
}

/// Sends a request. Returns the fields of the answer.
fn send(method: &str, url: &str, body: &str) -> Result<Vec<(String, String)>, ProviderError> {
    let request = Request {
        method: method.to_owned(),
        url: url.to_owned(),
        // The host removes these headers.
        headers: vec![
            ("authorization".to_owned(), "made up".to_owned()),
            ("x-token".to_owned(), "made up".to_owned()),
        ],
        body: body.into(),
    };
    let answer = http::send(&[request]).pop();
    match answer {
        Some(Ok(response)) if response.status == 200 => {
            Ok(fields(&String::from_utf8_lossy(&response.body)))
        }
        Some(Ok(response)) if response.status == 404 => {
            Err(ProviderError::NotFound(problem("payment-not-found", "There is none.")))
        }
        Some(Ok(_)) => Err(ProviderError::Refused(problem("provider-refused", "It was refused."))),
        Some(Err(failure)) => {
            Err(ProviderError::Unavailable(problem("provider-unreachable", &failure.message)))
        }
        None => Err(ProviderError::Other(problem("provider-error", "There is no answer."))),
    }
}

fn fields(line: &str) -> Vec<(String, String)> {
    let fields = line.split('&').filter_map(|field| field.split_once('='));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn field(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
}

fn number(fields: &[(String, String)], name: &str) -> u64 {
    field(fields, name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn payment(installation: &Installation, object: &[(String, String)]) -> Payment {
    let id = field(object, "id").unwrap_or_default();
    let word = field(object, "status").unwrap_or_default();
    let amount = number(object, "amount");
    let (status, awaits) = match word.as_str() {
        "paid" => (PaymentStatus::Approved, Awaited::Nothing),
        "canceled" => (PaymentStatus::Canceled, Awaited::Nothing),
        "authorised" => (PaymentStatus::Pending, Awaited::Completion(None)),
        _ => {
            let url = format!("https://pay.guest.example/{id}");
            let link = CustomerLink { url, expires_at: None };
            (PaymentStatus::Pending, Awaited::Customer(Some(link)))
        }
    };
    Payment {
        aliases: vec![id.clone()],
        id,
        reference: field(object, "reference"),
        attempt_id: field(object, "attempt"),
        mode: installation.mode,
        status,
        provider_status: word,
        amount: Money { minor_units: amount, currency: "clp".to_owned() },
        received: if status == PaymentStatus::Approved { amount } else { 0 },
        refunded: Some(number(object, "refunded")),
        failure: None,
        awaits,
        disputes: Vec::new(),
        created_at: 0,
        extras: field(object, "echo").map(|echo| ("echo".to_owned(), echo)).into_iter().collect(),
    }
}

fn refund(object: &[(String, String)]) -> Refund {
    let status = match field(object, "status").as_deref() {
        Some("done") => RefundStatus::Succeeded,
        Some("waiting") => RefundStatus::Pending,
        other => RefundStatus::Other(other.unwrap_or_default().to_owned()),
    };
    Refund {
        id: field(object, "id").unwrap_or_default(),
        payment: field(object, "payment").unwrap_or_default(),
        reference: field(object, "reference"),
        attempt_id: field(object, "attempt"),
        status,
        amount: Money { minor_units: number(object, "amount"), currency: "clp".to_owned() },
        failure: None,
        created_at: 0,
    }
}

fn credential(name: &str, label: &str, secret: bool, kind: &str) -> CredentialField {
    let meaning =
        CredentialMeaning::Accepted(AcceptedCredential { kind: kind.to_owned(), mode: None });
    CredentialField {
        name: name.to_owned(),
        label: label.to_owned(),
        help: format!("Paste the {label}."),
        required: true,
        secret,
        role: CredentialRole::Authorization,
        rules: vec![CredentialRule { pattern: format!("^{kind}-"), meaning }],
    }
}

impl bindings::exports::brain_studio::payments::payment_provider::Guest for TestGuest {
    fn describe() -> Manifest {
        let (store, token) = ("store-id".to_owned(), "token".to_owned());
        let origin =
            |url: &str, mode, authorization| Origin { url: url.to_owned(), mode, authorization };
        let oauth = |mode: &str, client_authentication| {
            Authorization::ClientCredentials(Oauth {
                token_url: format!("https://login.{mode}.guest.example/token"),
                client_id: "store-id".to_owned(),
                client_secret: "token".to_owned(),
                client_authentication,
                scope: Some("events".to_owned()),
            })
        };
        let (by_body, by_basic) = (ClientAuthentication::Body, ClientAuthentication::Basic);
        let headers =
            vec![("x-token".to_owned(), token.clone()), ("x-store".to_owned(), store.clone())];
        Manifest {
            provider_id: "GUEST".to_owned(),
            name: "Test Guest".to_owned(),
            category: "payments".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            credentials: vec![
                credential("store-id", "store id", false, "store"),
                credential("token", "token", true, "token"),
            ],
            mode_source: ModeSource::Merchant,
            events: Vec::new(),
            origins: vec![
                origin(PAYMENTS, None, Authorization::Basic((store, token))),
                origin(REFUNDS, None, Authorization::Headers(headers)),
                origin(events(Mode::Test), Some(Mode::Test), oauth("test", by_body)),
                origin(events(Mode::Live), Some(Mode::Live), oauth("live", by_basic)),
            ],
            customer_origins: vec!["https://pay.guest.example".to_owned()],
            signature_headers: Vec::new(),
            permissions: Vec::new(),
            repeat: RepeatRules { header: None, statuses: Vec::new() },
            allotment: Allotment { per_second: None, per_month: None },
            extras: Vec::new(),
        }
    }

    /// A webhook made by hand is verified by asking; without one, deliveries are only hints.
    fn install(_: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        let is_by_hand = request.webhook_owner == WebhookOwner::Merchant;
        let urls = &request.webhook_urls.installation;
        let url = if request.mode == Mode::Test { &urls.test } else { &urls.live };
        Ok(Installation {
            installation_id: request.installation_id,
            workspace: request.workspace,
            mode: request.mode,
            account: None,
            webhook: WebhookRegistration {
                endpoint_id: None,
                url: url.clone(),
                owner: if is_by_hand { WebhookOwner::Merchant } else { WebhookOwner::Nobody },
                verification: if is_by_hand { Verification::ByPlugin } else { Verification::None },
                signing_secrets: Vec::new(),
                problem: None,
            },
            extras: Vec::new(),
        })
    }

    fn repair(
        _: Context,
        installation: Installation,
        _: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        Ok(RepairOutcome { installation, changes: Vec::new() })
    }

    fn uninstall(_: Context, _: Installation) -> Result<(), ProviderError> {
        Ok(())
    }

    fn report_status(_: Context, _: Installation, request: StatusRequest) -> StatusReport {
        let kinds: Vec<_> = request.credentials.into_iter().map(|given| given.kind).collect();
        let check = Check {
            id: "key".to_owned(),
            verdict: Verdict::Pass,
            message: format!("There are {}.", kinds.join(" and ")),
            remedy: Vec::new(),
        };
        StatusReport { checks: vec![check] }
    }

    fn create_payment(
        _: Context,
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Payment, ProviderError> {
        let body = format!(
            "reference={}&attempt={}&key={}&amount={}",
            request.reference,
            request.attempt_id,
            request.idempotency_key,
            request.amount.minor_units
        );
        let url = format!("{PAYMENTS}/payments/{}", request.attempt_id);
        Ok(payment(&installation, &send("PUT", &url, &body)?))
    }

    fn find_payment(
        _: Context,
        installation: Installation,
        search: AttemptSearch,
    ) -> Result<PaymentSearchResult, ProviderError> {
        match send("GET", &format!("{PAYMENTS}/payments/{}", search.attempt_id), "") {
            Ok(object) => Ok(PaymentSearchResult::Found(payment(&installation, &object))),
            Err(ProviderError::NotFound(_)) => Ok(PaymentSearchResult::Absent),
            Err(error) => Err(error),
        }
    }

    fn get_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        Ok(payment(&installation, &send("GET", &format!("{PAYMENTS}/payments/{id}"), "")?))
    }

    fn complete_payment(
        _: Context,
        installation: Installation,
        request: CompletionRequest,
    ) -> Result<Payment, ProviderError> {
        let url = format!("{PAYMENTS}/payments/{}", request.payment);
        let body = format!("status=paid&token={}", request.return_query.unwrap_or_default());
        Ok(payment(&installation, &send("PATCH", &url, &body)?))
    }

    fn cancel_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        let url = format!("{PAYMENTS}/payments/{id}");
        Ok(payment(&installation, &send("PATCH", &url, "status=canceled")?))
    }

    fn refund_payment(
        _: Context,
        _: Installation,
        request: RefundRequest,
    ) -> Result<Refund, ProviderError> {
        let body = format!(
            "payment={}&reference={}&attempt={}&amount={}",
            request.payment,
            request.reference,
            request.attempt_id,
            request.minor_units.unwrap_or(0)
        );
        Ok(refund(&send("POST", &format!("{REFUNDS}/refunds"), &body)?))
    }

    fn find_refund(
        _: Context,
        _: Installation,
        _: RefundSearch,
    ) -> Result<RefundSearchResult, ProviderError> {
        Ok(RefundSearchResult::Absent)
    }

    fn get_refund(_: Context, _: Installation, id: String) -> Result<Refund, ProviderError> {
        Ok(refund(&send("GET", &format!("{REFUNDS}/refunds/{id}"), "")?))
    }

    fn identify_webhook(_: Context, request: WebhookRequest) -> WebhookIdentity {
        let object = fields(&String::from_utf8_lossy(&request.body));
        WebhookIdentity {
            installation: None,
            account: None,
            reference: field(&object, "reference"),
            payment: field(&object, "payment"),
            mode: None,
        }
    }

    /// A delivery holds ids only. `event=` is looked up at the provider, `payment=` is a hint, and
    /// `lie=` claims to be verified.
    fn handle_webhook(
        _: Context,
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<WebhookOutcome, WebhookError> {
        let object = fields(&String::from_utf8_lossy(&request.body));
        if let Some(id) = field(&object, "event") {
            // `other-mode=` asks the other mode's host, which the host of the marketplace denies.
            let mode = match (field(&object, "other-mode"), installation.mode) {
                (None, mode) => mode,
                (Some(_), Mode::Test) => Mode::Live,
                (Some(_), Mode::Live) => Mode::Test,
            };
            let url = format!("{}/events/{id}", events(mode));
            let listed = match send("GET", &url, "") {
                Ok(listed) => listed,
                Err(ProviderError::NotFound(problem)) => {
                    return Err(WebhookError::Refused(problem));
                }
                Err(
                    ProviderError::Unavailable(problem)
                    | ProviderError::Refused(problem)
                    | ProviderError::Other(problem),
                ) => return Err(WebhookError::Unavailable(problem)),
                Err(_) => return Err(WebhookError::Other(problem("provider-error", "No."))),
            };
            let event = Event {
                id,
                event_type: "payment".to_owned(),
                occurred_at: number(&listed, "at"),
                subject: EventSubject::Payment(payment(&installation, &listed)),
                authority: Authority::Fetched,
            };
            return Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event }));
        }
        if let Some(id) = field(&object, "lie") {
            let lie = [("id", id.as_str()), ("status", "paid"), ("amount", "1000")];
            let lie = lie.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let event = Event {
                id: format!("lie-{id}"),
                event_type: "payment".to_owned(),
                occurred_at: u64::MAX >> 1,
                subject: EventSubject::Payment(payment(&installation, &lie)),
                authority: Authority::Signed,
            };
            return Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event }));
        }
        match field(&object, "payment") {
            Some(payment) => Ok(WebhookOutcome::Hint(PaymentHint { payment, mode: None })),
            None => Err(WebhookError::Refused(problem("body-malformed", "It names nothing."))),
        }
    }

    fn list_events(
        context: Context,
        _: Installation,
        _: EventQuery,
    ) -> Result<EventPage, ProviderError> {
        Ok(EventPage { events: Vec::new(), cursor: None, as_of: context.now })
    }
}
