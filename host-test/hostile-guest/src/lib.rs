//! A payment plugin that attacks its host, for the tests of `host-test`.
//!
//! What it does is in a script that the tests write into the component's bytes: lines of `name=value`. Without a
//! line for it, each function does what an honest plugin would. Most attacks happen only where the reference or the
//! body of a delivery holds the word `attack`, so that the next call shows whether the host is well.
//!
//! In a value, `{secret}` is the installation's first signing secret, `{hex}`, `{base64}` and `{reversed}` are forms
//! of it, and `\n` is a line break.

#![deny(unsafe_code)]

mod bindings;
mod deeds;

use std::fmt::Write as _;

use bindings::brain_studio::payments::types::{
    AcceptedCredential, Allotment, AttemptSearch, Authority, Authorization, Awaited, Check,
    CompletionRequest, Context, CredentialField, CredentialMeaning, CredentialRole, CredentialRule,
    CustomerLink, DeliveredEvent, Event, EventPage, EventQuery, EventSubject, InstallRequest,
    Installation, Manifest, Mode, ModeSource, Money, Origin, Payment, PaymentRequest,
    PaymentSearchResult, PaymentStatus, Permission, Problem, ProviderError, Refund, RefundRequest,
    RefundSearch, RefundSearchResult, RefundStatus, RepairOutcome, RepeatRules, StatusReport,
    StatusRequest, Verdict, Verification, WebhookError, WebhookIdentity, WebhookOutcome,
    WebhookOwner, WebhookRegistration, WebhookRequest,
};

/// The plugin.
pub struct HostileGuest;

/// The script, behind a mark by which the tests find it.
#[repr(C)]
struct Script {
    mark: [u8; 15],
    /// The tests write the lines here.
    room: [u8; 1009],
}

static SCRIPT: Script = Script { mark: *b"HOSTILE-SCRIPT:", room: [b'~'; 1009] };

/// The value of a line of the script.
fn line(name: &str) -> Option<String> {
    // The compiler must not know what is in it.
    let Script { mark, room } = std::hint::black_box(&SCRIPT);
    std::hint::black_box(mark);
    let script = String::from_utf8_lossy(room);
    let mut lines = script.trim_end_matches('~').lines().filter_map(|line| line.split_once('='));
    let value = lines.find(|(own, _)| *own == name)?.1;
    Some(value.replace("\\n", "\n").replace("\\e", "\u{1b}"))
}

fn line_or(name: &str, otherwise: &str) -> String {
    line(name).unwrap_or_else(|| otherwise.to_owned())
}

/// The line with the forms of the installation's secret.
fn said(name: &str, installation: &Installation) -> Option<String> {
    let secret = installation.webhook.signing_secrets.first().cloned().unwrap_or_default();
    let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let hidden: String = secret.chars().flat_map(|letter| [letter, '\u{200b}']).collect();
    let text = line(name)?.replace("{secret}", &secret).replace("{hex}", &hex);
    let text = text.replace("{reversed}", &secret.chars().rev().collect::<String>());
    Some(text.replace("{base64}", &base64(secret.as_bytes())).replace("{hidden}", &hidden))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| LETTERS.get(bits as usize & 63).copied().unwrap_or(b'=') as char;
    bytes.chunks(3).fold(String::new(), |mut text, chunk| {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|index| text.push(letter(bits >> (18 - 6 * index))));
        text
    })
}

fn problem(code: String, message: String) -> Problem {
    Problem { code, message, remedy: Vec::new() }
}

/// Checks the time of a delivery, and only then its signature, which is `TIME SECRET` in the one signature header.
fn time_first(
    now: u64,
    installation: &Installation,
    request: &WebhookRequest,
) -> Result<(), WebhookError> {
    let code = |code: &str| problem(code.to_owned(), "It is refused.".to_owned());
    let header = request.headers.first().and_then(|(_, value)| value.split_once(' '));
    let (time, secret) = header.unwrap_or_default();
    if time.parse::<u64>().is_ok_and(|time| time.abs_diff(now) > 300) {
        return Err(WebhookError::Refused(code("timestamp-too-old")));
    }
    if !installation.webhook.signing_secrets.iter().any(|known| known == secret) {
        return Err(WebhookError::Unverified(code("signature-mismatch")));
    }
    Ok(())
}

/// The mode that a line names, or the one that is right.
fn mode(name: &str, right: Mode) -> Mode {
    match line(name).as_deref() {
        Some("live") => Mode::Live,
        Some("test") => Mode::Test,
        _ => right,
    }
}

/// A payment as an honest plugin would tell of it, or as the script says.
fn payment(installation: &Installation, id: &str, reference: &str, attempt: &str) -> Payment {
    let is_attack = reference.contains("attack") || id.contains("attack");
    let is_paid = reference.contains("paid");
    let said = |name: &str| said(name, installation).filter(|_| is_attack);
    let url = said("link").unwrap_or_else(|| "https://pay.hostile.example/page".to_owned());
    let amount = said("amount").and_then(|amount| amount.parse().ok()).unwrap_or(1000);
    Payment {
        id: said("payment-id").unwrap_or_else(|| id.to_owned()),
        aliases: Vec::new(),
        reference: Some(said("reference").unwrap_or_else(|| reference.to_owned())),
        attempt_id: Some(said("attempt").unwrap_or_else(|| attempt.to_owned())),
        mode: if is_attack { mode("payment-mode", installation.mode) } else { installation.mode },
        status: if is_paid { PaymentStatus::Approved } else { PaymentStatus::Pending },
        provider_status: said("word").unwrap_or_else(|| "open".to_owned()),
        amount: Money {
            minor_units: amount,
            currency: said("currency").unwrap_or_else(|| "usd".to_owned()),
        },
        received: if is_paid { amount } else { 0 },
        refunded: None,
        failure: said("failure").map(|failure| problem("card-declined".to_owned(), failure)),
        awaits: if is_paid {
            Awaited::Nothing
        } else {
            Awaited::Customer(Some(CustomerLink { url, expires_at: None }))
        },
        disputes: Vec::new(),
        created_at: 0,
        extras: said("extra").map(|extra| ("extra".to_owned(), extra)).into_iter().collect(),
    }
}

/// The reference and the attempt, of which the id is made.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('.').unwrap_or((id, ""))
}

fn credential(name: String, role: CredentialRole, required: bool) -> CredentialField {
    let meaning =
        CredentialMeaning::Accepted(AcceptedCredential { kind: "key".to_owned(), mode: None });
    CredentialField {
        name,
        label: line_or("label", "key"),
        help: line_or("help", "Paste the key."),
        required,
        secret: true,
        role,
        rules: vec![CredentialRule { pattern: line_or("pattern", "."), meaning }],
    }
}

impl bindings::exports::brain_studio::payments::payment_provider::Guest for HostileGuest {
    fn describe() -> Manifest {
        let field = line_or("field", "token");
        let origin =
            |url| Origin { url, mode: None, authorization: Authorization::Bearer(field.clone()) };
        Manifest {
            provider_id: line_or("id", "HOSTILE"),
            name: line_or("name", "Hostile"),
            category: "payments".to_owned(),
            version: "1".to_owned(),
            credentials: vec![
                credential(field.clone(), CredentialRole::Authorization, true),
                credential("hook-secret".to_owned(), CredentialRole::SigningSecret, false),
            ],
            mode_source: ModeSource::Merchant,
            events: Vec::new(),
            origins: line("origin").into_iter().map(origin).collect(),
            customer_origins: vec![line_or("page", "https://pay.hostile.example")],
            signature_headers: line("header").into_iter().collect(),
            permissions: line("purpose")
                .map(|purpose| Permission { id: "all".to_owned(), purpose })
                .into_iter()
                .collect(),
            repeat: RepeatRules { header: None, statuses: Vec::new() },
            allotment: Allotment { per_second: None, per_month: None },
            extras: Vec::new(),
        }
    }

    fn install(_: Context, request: InstallRequest) -> Result<Installation, ProviderError> {
        let given = request.credentials.into_iter().filter_map(|given| given.signing_secret);
        let url = match request.mode {
            Mode::Test => request.webhook_urls.installation.test,
            Mode::Live => request.webhook_urls.installation.live,
        };
        let mut installation = Installation {
            installation_id: request.installation_id,
            workspace: request.workspace,
            mode: mode("install-mode", request.mode),
            account: Some("acct-1".to_owned()),
            webhook: WebhookRegistration {
                endpoint_id: None,
                url,
                owner: WebhookOwner::Merchant,
                verification: Verification::ByPlugin,
                signing_secrets: given.collect(),
                problem: None,
            },
            extras: Vec::new(),
        };
        installation.account = said("install-account", &installation).or(installation.account);
        Ok(installation)
    }

    fn repair(
        _: Context,
        mut installation: Installation,
        _: InstallRequest,
    ) -> Result<RepairOutcome, ProviderError> {
        let changes = said("change", &installation).into_iter().collect();
        installation.mode = mode("repair-mode", installation.mode);
        installation.account = line("repair-account").or(installation.account);
        installation.installation_id = line_or("repair-id", &installation.installation_id);
        installation.workspace = line_or("repair-workspace", &installation.workspace);
        Ok(RepairOutcome { installation, changes })
    }

    fn uninstall(_: Context, _: Installation) -> Result<(), ProviderError> {
        Ok(())
    }

    fn report_status(_: Context, installation: Installation, _: StatusRequest) -> StatusReport {
        let message = said("check", &installation).unwrap_or_else(|| "All is well.".to_owned());
        let check = Check {
            id: "key".to_owned(),
            verdict: Verdict::Pass,
            message,
            remedy: said("step", &installation).into_iter().collect(),
        };
        StatusReport { checks: vec![check] }
    }

    fn create_payment(
        _: Context,
        installation: Installation,
        request: PaymentRequest,
    ) -> Result<Payment, ProviderError> {
        let is_attack = request.reference.contains("attack");
        if let Some(message) = said("create-refused", &installation).filter(|_| is_attack) {
            let code = line_or("code", "provider-refused");
            return Err(ProviderError::Refused(problem(code, message)));
        }
        assert!(!(is_attack && line("create-traps").is_some()), "it traps");
        let id = format!("{}.{}", request.reference, request.attempt_id);
        Ok(payment(&installation, &id, &request.reference, &request.attempt_id))
    }

    /// An attempt does not tell its reference: the script does.
    fn find_payment(
        _: Context,
        installation: Installation,
        search: AttemptSearch,
    ) -> Result<PaymentSearchResult, ProviderError> {
        let Some(reference) = line("find") else {
            let no = problem("not-implemented".to_owned(), "No.".to_owned());
            return Ok(PaymentSearchResult::Other(no));
        };
        let id = format!("{reference}.{}", search.attempt_id);
        let found = payment(&installation, &id, &reference, &search.attempt_id);
        Ok(PaymentSearchResult::Found(found))
    }

    fn get_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        let (reference, attempt) = parts(&id);
        Ok(payment(&installation, &id, reference, attempt))
    }

    fn complete_payment(
        _: Context,
        installation: Installation,
        request: CompletionRequest,
    ) -> Result<Payment, ProviderError> {
        let (reference, attempt) = parts(&request.payment);
        Ok(payment(&installation, &request.payment, reference, attempt))
    }

    fn cancel_payment(
        _: Context,
        installation: Installation,
        id: String,
    ) -> Result<Payment, ProviderError> {
        let (reference, attempt) = parts(&id);
        let canceled = payment(&installation, &id, reference, attempt);
        Ok(Payment { status: PaymentStatus::Canceled, awaits: Awaited::Nothing, ..canceled })
    }

    fn refund_payment(
        _: Context,
        _: Installation,
        request: RefundRequest,
    ) -> Result<Refund, ProviderError> {
        match line("refund-ends").as_deref() {
            Some("spin") => deeds::spin(),
            Some(other) => assert!(other.is_empty(), "{other}"),
            None => {}
        }
        Ok(Refund {
            id: "refund-1".to_owned(),
            payment: line_or("refund-payment", &request.payment),
            reference: Some(line_or("refund-reference", &request.reference)),
            attempt_id: Some(request.attempt_id),
            status: RefundStatus::Succeeded,
            amount: Money {
                minor_units: request.minor_units.unwrap_or(0),
                currency: line_or("refund-currency", "usd"),
            },
            failure: None,
            created_at: 0,
        })
    }

    fn find_refund(
        _: Context,
        _: Installation,
        _: RefundSearch,
    ) -> Result<RefundSearchResult, ProviderError> {
        Ok(RefundSearchResult::Absent)
    }

    fn get_refund(_: Context, _: Installation, _: String) -> Result<Refund, ProviderError> {
        Err(ProviderError::NotFound(problem("refund-not-found".to_owned(), "No.".to_owned())))
    }

    fn identify_webhook(_: Context, _: WebhookRequest) -> WebhookIdentity {
        WebhookIdentity {
            installation: None,
            account: Some("acct-1".to_owned()),
            reference: None,
            payment: None,
            mode: None,
        }
    }

    fn handle_webhook(
        context: Context,
        installation: Installation,
        request: WebhookRequest,
    ) -> Result<WebhookOutcome, WebhookError> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if line("time-first").is_some() {
            time_first(context.now, &installation, &request)?;
        }
        if body.contains("attack") {
            if let Some(message) = said("refused", &installation) {
                let code = said("code", &installation);
                let code = code.unwrap_or_else(|| "signature-mismatch".to_owned());
                return Err(WebhookError::Refused(problem(code, message)));
            }
            assert!(
                line("traps").is_none(),
                "{}",
                said("traps", &installation).unwrap_or_default()
            );
        }
        if let Some(outcome) = deeds::from(&body) {
            return Ok(WebhookOutcome::Other(problem("done".to_owned(), outcome)));
        }
        let (reference, attempt) = parts(&body);
        let event = Event {
            id: format!("event-of-{reference}"),
            event_type: "payment".to_owned(),
            occurred_at: 1,
            subject: EventSubject::Payment(payment(&installation, &body, reference, attempt)),
            authority: Authority::Signed,
        };
        Ok(WebhookOutcome::Event(DeliveredEvent { verified: true, event }))
    }

    /// One event, and the one of the script.
    fn list_events(
        context: Context,
        _: Installation,
        query: EventQuery,
    ) -> Result<EventPage, ProviderError> {
        if let Some(page) = deeds::page(&query, context.now) {
            return Ok(page);
        }
        let event = |id: String| Event {
            id,
            event_type: "something".to_owned(),
            occurred_at: context.now,
            subject: EventSubject::Other("something".to_owned()),
            authority: Authority::Signed,
        };
        let ids = line("event-id").into_iter().chain(["event-1".to_owned()]);
        Ok(EventPage { events: ids.map(event).collect(), cursor: None, as_of: context.now })
    }
}
