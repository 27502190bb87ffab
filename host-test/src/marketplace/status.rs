//! The status report: the plugin's checks, and the host's own.

use std::time::Duration;

use tokio::time::Instant;

use super::attention::AttentionItem;
use super::webhook_url::webhook_urls;
use super::{Connection, Error, Marketplace, OpenedInstallation};
use crate::contract::types::{Check, Problem, StatusReport, StatusRequest, Verdict};
use crate::egress::Credentials;
use ledger::{DeliverySummary, InstallationState, Reconciliation, StoredInstallation};

/// How long recovery and report may take together: less than the ten seconds of the contract.
const STATUS_TIMEOUT: Duration = Duration::from_secs(9);
/// How long recovery may take of that.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);

impl Marketplace {
    /// The installation and its checks. An interrupted install or uninstall is finished first. If the
    /// plugin fails to report, its checks are replaced by one that says so.
    ///
    /// # Errors
    ///
    /// Nothing is installed, or the installation cannot be read.
    pub async fn status(&self) -> Result<(Connection, StatusReport), Error> {
        let start = Instant::now();
        // A recovery that is cut off here is finished by the next command.
        let recovered = tokio::time::timeout(RECOVERY_TIMEOUT, self.recover()).await;
        let changes = match recovered {
            Ok(changes) => changes?,
            Err(_) => return Err(Error::Unfinished(InstallationState::Installing)),
        };
        let OpenedInstallation { stored, installation, credentials } =
            self.active_installation().await?;
        self.write_unclaimed().await?;
        self.write_refused().await;
        let (id, provider) = (stored.id.clone(), stored.provider.clone());
        let scope = self.scope(&stored.workspace, installation.mode);
        let account = installation.account.clone().unwrap_or_else(|| stored.id.clone());
        let of_scope = scope.clone();
        let (deliveries, unclaimed, reconciliation, events_since) = self
            .read(move |ledger| {
                Ok((
                    ledger.delivery_summary(&id)?,
                    ledger.unclaimed_deliveries(&provider)?,
                    ledger.reconciliation(&of_scope, &account)?,
                    ledger.events_since(&of_scope)?,
                ))
            })
            .await?;
        let page_origins = stored.page_origins.clone();
        let request = self.status_request(&stored, &credentials)?;
        let handle = self.handle(self.open_installation(stored).await?)?;
        let left = STATUS_TIMEOUT.saturating_sub(start.elapsed());
        let reported = handle.report_status(left, &request).await;
        let mut report = match reported {
            Ok(report) => report,
            Err(error) => StatusReport {
                checks: vec![check("connection", Verdict::Unknown, error.problem())],
            },
        };
        self.note_account(&handle, &report.checks).await?;
        let attention = self.attention_of(scope, ATTENTION_LIMIT).await?;
        let connection = self.connection(installation, page_origins, changes, false);
        report.checks.extend(delivery_checks(deliveries, self.now()));
        report.checks.push(unclaimed_check(unclaimed, &connection.installation_url, self.now()));
        report.checks.push(reconciliation_check(&reconciliation, events_since, self.now()));
        report.checks.push(attention_check(&attention));
        Ok((connection, report))
    }

    /// The request for `report-status`. It holds no value of a credential.
    pub(super) fn status_request(
        &self,
        stored: &StoredInstallation,
        credentials: &Credentials,
    ) -> Result<StatusRequest, Error> {
        let accepted = self.accepted_credentials(stored, credentials)?;
        let mut described = self.plugin.rules().for_plugin(&accepted, credentials, |_| false);
        for credential in &mut described {
            credential.signing_secret = None;
        }
        let webhook_urls = webhook_urls(self.provider_id(), &stored.id);
        Ok(StatusRequest { credentials: described, webhook_urls })
    }
}

fn check(id: &str, verdict: Verdict, finding: Problem) -> Check {
    Check { id: id.to_owned(), verdict, message: finding.message, remedy: finding.remedy }
}

/// The checks of the last verified delivery and of the last refused one.
fn delivery_checks(deliveries: DeliverySummary, now: u64) -> [Check; 2] {
    let finding =
        |message: String, remedy: Vec<String>| Problem { code: String::new(), message, remedy };
    let verified = match deliveries.verified_at {
        Some(at) => {
            let message = format!("The last genuine delivery came {}.", ago(at, now));
            check("delivery-verified", Verdict::Pass, finding(message, Vec::new()))
        }
        None => check(
            "delivery-verified",
            Verdict::Unknown,
            Problem::new(
                "",
                "No genuine delivery has come yet.",
                &["Make a payment: the provider delivers its event within seconds."],
            ),
        ),
    };
    let refused = match deliveries.refused {
        // No delivery has been verified since.
        Some((at, because)) if deliveries.verified_at.is_none_or(|verified| verified < at) => {
            let message = format!(
                "The last delivery was refused {}: {} ({})",
                ago(at, now),
                because.message,
                because.code
            );
            check("delivery-refused", Verdict::Warn, finding(message, because.remedy))
        }
        Some((at, because)) => {
            let message = format!(
                "A delivery was refused {} ({}), and a later one was genuine.",
                ago(at, now),
                because.code
            );
            check("delivery-refused", Verdict::Pass, finding(message, Vec::new()))
        }
        None => {
            let message = "No delivery has been refused.".to_owned();
            check("delivery-refused", Verdict::Pass, finding(message, Vec::new()))
        }
    };
    [verified, refused]
}

/// How many seconds after an unclaimed delivery the check warns: a day.
const UNCLAIMED_WARNING_PERIOD: u64 = 86_400;

/// The check of the deliveries for no known installation.
fn unclaimed_check(unclaimed: Option<(u64, u64)>, own_url: &str, now: u64) -> Check {
    const ID: &str = "delivery-unclaimed";
    let Some((number, last_at)) = unclaimed else {
        let message = "Every delivery was for an installation that is known here.";
        return check(ID, Verdict::Pass, Problem::new("", message, &[]));
    };
    let deliveries =
        if number == 1 { "1 delivery was".to_owned() } else { format!("{number} deliveries were") };
    let message = format!(
        "{deliveries} for no installation that is known here; the last one came {}.",
        ago(last_at, now)
    );
    if now.saturating_sub(last_at) > UNCLAIMED_WARNING_PERIOD {
        return check(ID, Verdict::Pass, Problem::new("", message, &[]));
    }
    let step = format!(
        "If they were meant for this installation, give the webhook its own URL: {own_url}"
    );
    check(ID, Verdict::Warn, Problem::new("", message, &[&step]))
}

/// How far the listing may be behind before the check warns, in seconds.
const LAG_WARNING: u64 = 3600;

/// The check of the reconciliation: whether what no delivery tells is found in time.
fn reconciliation_check(state: &Reconciliation, events_since: Option<u64>, now: u64) -> Check {
    const ID: &str = "reconciliation";
    let Some(since) = state.listed_at.or(events_since) else {
        return check(
            ID,
            Verdict::Pass,
            Problem::new("", "There is nothing to reconcile yet.", &[]),
        );
    };
    let failed = state.list.problem.clone().or_else(|| state.ask.problem.clone());
    let reason = failed.map(Problem::from);
    let mut finding = Problem::new("", "", &[]);
    if state.is_listing_permitted {
        finding.message = match state.listed_at {
            Some(listed_at) => format!("Events were listed {}.", ago(listed_at, now)),
            None => "Events were not listed yet.".to_owned(),
        };
    } else {
        "The key may not list events: refunds, disputes and expired pages are found late, by reading the payments again.".clone_into(&mut finding.message);
    }
    if let Some(reason) = reason {
        finding.message = format!("{} {} ({})", finding.message, reason.message, reason.code);
        finding.remedy = reason.remedy;
        return check(ID, Verdict::Warn, finding);
    }
    if state.is_listing_permitted && now.saturating_sub(since) > LAG_WARNING {
        finding.remedy.push(
            "Run `host-test serve`, which lists them all the time, or `host-test reconcile`."
                .to_owned(),
        );
        return check(ID, Verdict::Warn, finding);
    }
    check(ID, Verdict::Pass, finding)
}

/// How many entries the check of attention names.
const ATTENTION_LIMIT: u32 = 10;

/// The check of what needs a person.
fn attention_check(attention: &[AttentionItem]) -> Check {
    const ID: &str = "payments-attention";
    if attention.is_empty() {
        return check(ID, Verdict::Pass, Problem::new("", "Nothing needs your attention.", &[]));
    }
    let lines = attention.iter().map(|item| {
        let about = item.reference.as_deref().or(item.payment.as_deref()).unwrap_or("");
        let separator = if about.is_empty() { "" } else { ": " };
        format!("{about}{separator}{}", item.problem.message)
    });
    let message = format!("This needs a person. {}", lines.collect::<Vec<_>>().join(" "));
    let step = "Run `host-test attention`, which says what to do about each.";
    check(ID, Verdict::Warn, Problem::new("", message, &[step]))
}

/// A time in the past, for a person.
fn ago(at: u64, now: u64) -> String {
    let seconds = now.saturating_sub(at);
    // Rounded down to its largest unit.
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    let rounded = Duration::from_secs(seconds - seconds % unit);
    if seconds == 0 {
        "just now".to_owned()
    } else {
        format!("{} ago", humantime::format_duration(rounded))
    }
}
