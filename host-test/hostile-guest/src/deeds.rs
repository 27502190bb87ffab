//! What the guest does to the host's resources, where the body of a delivery says `do=NAME`.

use crate::bindings::brain_studio::payments::http::{self, Request};
use crate::bindings::brain_studio::payments::types::{
    Authority, Event, EventPage, EventQuery, EventSubject,
};
use crate::line;

/// Does what a delivery says. Returns what came of it.
pub fn from(body: &str) -> Option<String> {
    let (_, deed) = body.split_once("do=")?;
    Some(match deed.split('.').next()? {
        "spin" => spin(),
        // Longer than a call that computes shortly, and no attack.
        "compute" => count_to(20_000_000).to_string(),
        "wait" => said(&send(1)),
        "send-all" => said(&send(128)),
        "hog" => {
            let held = hog();
            format!("{} {}", held.len(), said(&send(1)))
        }
        other => other.to_owned(),
    })
}

pub fn spin() -> ! {
    loop {
        std::hint::black_box(count_to(1000));
    }
}

fn count_to(end: u64) -> u64 {
    (0..end).fold(0, |sum, number| std::hint::black_box(sum + number))
}

/// As much memory as there is, in pieces of a mebibyte, each of them written to.
fn hog() -> Vec<Vec<u8>> {
    let mut held = Vec::new();
    while held.len() < 60 {
        held.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
    held
}

/// Sends requests to the origin of the script at the same time.
fn send(number: usize) -> Vec<Result<http::Response, http::Failure>> {
    let url = format!("{}/{number}", line("origin").unwrap_or_default());
    let request = Request { method: "GET".to_owned(), url, headers: Vec::new(), body: Vec::new() };
    http::send(&vec![request; number])
}

/// How many answers there are of each kind, and the largest.
fn said(answers: &[Result<http::Response, http::Failure>]) -> String {
    let largest = answers.iter().flatten().map(|answer| answer.body.len()).max().unwrap_or(0);
    let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
    let failures: Vec<&str> = failures.map(|failure| failure.message.as_str()).collect();
    let first = failures.first().copied().unwrap_or_default();
    format!("{} answers, largest {largest}, {} failures: {first}", answers.len(), failures.len())
}

/// A page of events of a list that has no end (`events=endless`), or comes back to where it was (`events=circle`).
/// `per-page` says how many events a page has: unless it does, as many as were asked for.
pub fn page(query: &EventQuery, now: u64) -> Option<EventPage> {
    let number: u64 = query.cursor.as_deref().unwrap_or("0").parse().ok()?;
    let next = match line("events")?.as_str() {
        "endless" => number + 1,
        "circle" => (number + 1) % 7,
        _ => return None,
    };
    let per_page = line("per-page").and_then(|per_page| per_page.parse().ok());
    let event = |index: u64| Event {
        id: format!("event-{number}-{index}"),
        event_type: "something".to_owned(),
        occurred_at: now,
        subject: EventSubject::Other("something".to_owned()),
        authority: Authority::Signed,
    };
    Some(EventPage {
        events: (0..per_page.unwrap_or(u64::from(query.limit))).map(event).collect(),
        cursor: Some(next.to_string()),
        as_of: now,
    })
}
