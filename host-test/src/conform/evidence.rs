//! What was sent and came back in one case, in order, with every secret masked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::foreign::{Secrets, line};

/// How much of a body is shown, in characters. Our own choice.
const LONGEST_BODY: usize = 240;
/// How many lines of a case are kept, the last ones: a fault in a loop would fill the memory. Our own choice.
const MOST_LINES: usize = 400;
/// The shortest secret that is masked, in bytes.
const SHORTEST_SECRET: usize = 6;

/// The evidence of a case. A clone is the same.
#[derive(Clone, Default)]
pub struct Evidence(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    lines: VecDeque<String>,
    note: Option<String>,
    secrets: Secrets,
}

impl Evidence {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this text is masked.
    pub fn hide(&self, secret: &str) {
        self.lock().secrets.add(secret, SHORTEST_SECRET);
    }

    /// Writes a line down.
    pub fn add(&self, text: &str) {
        let mut written = self.lock();
        // The last lines tell why a case has failed.
        if written.lines.len() == MOST_LINES {
            written.lines.pop_front();
        }
        let masked = written.secrets.mask_text(text.to_owned());
        written.lines.push_back(line(&masked, 4 * LONGEST_BODY).into_owned());
    }

    /// Notes what the report tells of a case also where it passes.
    pub fn note(&self, text: &str) {
        self.add(text);
        self.lock().note = Some(text.to_owned());
    }

    /// The note.
    #[must_use]
    pub fn noted(&self) -> Option<String> {
        self.lock().note.clone()
    }

    /// The lines. A secret that became known only later is masked in the earlier ones as well.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let written = self.lock();
        written.lines.iter().map(|line| written.secrets.mask_text(line.clone())).collect()
    }

    /// A text without the secrets.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        self.lock().secrets.mask_text(text.to_owned())
    }
}

/// A body for a person: its beginning, on one line.
#[must_use]
pub fn shown(body: &[u8]) -> String {
    match str::from_utf8(body) {
        Ok("") => "nothing".to_owned(),
        Ok(text) => line(text, LONGEST_BODY).into_owned(),
        Err(_) => format!("{} bytes", body.len()),
    }
}
