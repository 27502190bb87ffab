//! How the connection is: what the plugin finds, and what the host itself knows.

use std::time::Duration;

use tokio::time::Instant;

use super::{Connection, Error, Marketplace, Opened};
use crate::clock::now;
use crate::contract::types::{Check, Problem, StatusReport, StatusRequest, Verdict};
use crate::egress::Credentials;
use crate::ledger::{InstallationRow, LastDeliveries, State};

/// How long it may take to finish what a crash has cut off, and to report: less than ten seconds.
const ALL: Duration = Duration::from_secs(9);
/// How much of that the former may take.
const TO_RESUME: Duration = Duration::from_secs(5);

impl Marketplace {
    /// How the connection is. What a crash has cut off is finished first. A report that was cut off
    /// is one check that says so.
    ///
    /// # Errors
    ///
    /// There is no installation, or it cannot be read.
    pub async fn status(&self) -> Result<(Connection, StatusReport), Error> {
        let start = Instant::now();
        // Cut off like a crash, it is resumed by the next.
        let resumed = tokio::time::timeout(TO_RESUME, self.resume()).await;
        let changes = match resumed {
            Ok(changes) => changes?,
            Err(_) => return Err(Error::Unfinished(State::Installing)),
        };
        let opened = self.opened().await?;
        self.write_unclaimed().await?;
        let (id, provider) = (opened.row.id.clone(), opened.row.provider.clone());
        let (last, unclaimed) = self
            .ledger(move |ledger| Ok((ledger.last_deliveries(&id)?, ledger.unclaimed(&provider)?)))
            .await?;
        let Opened { row, record, credentials } = opened;
        let request = self.status_request(&row, &credentials)?;
        let left = ALL.saturating_sub(start.elapsed());
        let egress = self.egress(credentials.clone(), record.mode).await?;
        let mut report = match self.plugin.report_status(egress, left, &record, &request).await {
            Ok(report) => report,
            Err(error) => StatusReport {
                checks: vec![check("connection", Verdict::Unknown, error.problem())],
            },
        };
        let connection = self.connection(record, changes, false, &credentials);
        report.checks.extend(of_deliveries(last, now()));
        report.checks.push(of_unclaimed(unclaimed, &connection.installation_url, now()));
        Ok((connection, report))
    }

    /// What a status report is told: of the credentials not a single value.
    fn status_request(
        &self,
        row: &InstallationRow,
        credentials: &Credentials,
    ) -> Result<StatusRequest, Error> {
        let accepted = self.accepted(row, credentials)?;
        let mut described = self.plugin.rules().described(&accepted, credentials, |_| false);
        for credential in &mut described {
            credential.signing_secret = None;
        }
        Ok(StatusRequest { credentials: described, webhook_urls: self.webhook_urls(&row.id) })
    }
}

fn check(id: &str, verdict: Verdict, finding: Problem) -> Check {
    Check { id: id.to_owned(), verdict, message: finding.message, remedy: finding.remedy }
}

/// The last genuine delivery, and the last that was refused.
fn of_deliveries(last: LastDeliveries, now: u64) -> [Check; 2] {
    let finding =
        |message: String, remedy: Vec<String>| Problem { code: String::new(), message, remedy };
    let verified = match last.verified_at {
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
                &["Make a payment: the provider tells of it within seconds."],
            ),
        ),
    };
    let refused = match last.refused {
        // What came after it was taken: it is over.
        Some((at, because)) if last.verified_at.is_none_or(|verified| verified < at) => {
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

/// How long a delivery that named nothing of ours is worth a warning, in seconds: a day.
const UNCLAIMED_WARNING: u64 = 86_400;

/// The deliveries that named nothing of ours.
fn of_unclaimed(unclaimed: Option<(u64, u64)>, own_url: &str, now: u64) -> Check {
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
    if now.saturating_sub(last_at) > UNCLAIMED_WARNING {
        return check(ID, Verdict::Pass, Problem::new("", message, &[]));
    }
    let step = format!(
        "If they were meant for this installation, give the webhook its own URL: {own_url}"
    );
    check(ID, Verdict::Warn, Problem::new("", message, &[&step]))
}

/// A time in the past, for a person.
fn ago(at: u64, now: u64) -> String {
    let seconds = now.saturating_sub(at);
    // The largest unit alone: nobody needs the seconds of a day.
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    let rounded = Duration::from_secs(seconds - seconds % unit);
    if seconds == 0 {
        "just now".to_owned()
    } else {
        format!("{} ago", humantime::format_duration(rounded))
    }
}
