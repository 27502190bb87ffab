//! How the connection is: what the plugin finds, and what the host itself knows.

use std::time::Duration;

use tokio::time::Instant;

use super::{Connection, Error, Marketplace};
use crate::clock::now;
use crate::contract::types::{Check, Problem, StatusReport, StatusRequest, Verdict};
use crate::ledger::{LastDeliveries, State};

/// How long it may take to finish what a crash has cut off, and to report: less than ten seconds.
const ALL: Duration = Duration::from_secs(9);
/// How much of that the former may take.
const TO_RESUME: Duration = Duration::from_secs(5);
/// What the plugin has left to say what it has found, once its last request is over.
const TO_ANSWER: Duration = Duration::from_secs(1);

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
        let id = opened.row.id.clone();
        let last = self.ledger(move |ledger| ledger.last_deliveries(&id)).await?;
        let left = ALL.saturating_sub(start.elapsed());
        let request = StatusRequest {
            credentials: opened.credentials.iter().map(|(name, _)| name.to_owned()).collect(),
            webhook_urls: self.webhook_urls(),
            time_limit: u32::try_from(left.as_millis()).unwrap_or(u32::MAX),
        };
        let time = left.saturating_sub(TO_ANSWER);
        let credentials = opened.credentials;
        let egress = self.egress(credentials.clone()).await?.until(Instant::now() + time);
        let record = opened.record.clone();
        let mut report = match self.plugin.report_status(egress, record, request).await {
            Ok(report) => report,
            Err(error) => StatusReport {
                checks: vec![check("connection", Verdict::Unknown, error.problem())],
            },
        };
        report.checks.extend(of_deliveries(last, now()));
        Ok((self.connection(opened.record, changes, false, &credentials), report))
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
