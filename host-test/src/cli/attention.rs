//! `attention`: what needs a person.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::CommandError;
use super::output::{Output, badge, date, problem_json, steps};
use crate::marketplace::{AttentionItem, Marketplace};

/// The arguments of `attention`.
#[derive(Args)]
pub struct AttentionArgs {
    #[command(subcommand)]
    command: Option<AttentionCommand>,
}

#[derive(Subcommand)]
enum AttentionCommand {
    /// Accepts the money that an entry is about: an open payment is approved with what has arrived
    Accept {
        /// The entry's number
        id: u64,
    },
    /// Closes an entry, with a note of what was done
    Resolve {
        /// The entry's number
        id: u64,
        /// What was done, for whoever looks later
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

pub async fn attention(
    marketplace: &Marketplace,
    args: AttentionArgs,
) -> Result<Output, CommandError> {
    match args.command {
        None => list(marketplace).await,
        Some(AttentionCommand::Accept { id }) => {
            marketplace.accept_attention(id).await?;
            let text = format!("Accepted. Entry {id} is closed.");
            Ok(Output::new(json!({ "accepted": id }), text))
        }
        Some(AttentionCommand::Resolve { id, note }) => {
            marketplace.resolve_attention(id, &note).await?;
            Ok(Output::new(json!({ "resolved": id }), format!("Entry {id} is closed.")))
        }
    }
}

async fn list(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let items = marketplace.attention().await?;
    let text = if items.is_empty() {
        "Nothing needs your attention.".to_owned()
    } else {
        items.iter().map(item_text).collect::<Vec<_>>().join("\n")
    };
    let json = json!({ "attention": items.iter().map(item_json).collect::<Vec<_>>() });
    Ok(Output::new(json, text))
}

fn item_text(item: &AttentionItem) -> String {
    let mut text = format!("{} {}", badge(item.mode), item.id);
    if let Some(reference) = &item.reference {
        let _ = write!(text, "  {reference}");
    }
    if let Some(payment) = &item.payment {
        let _ = write!(text, " ({payment})");
    }
    let _ = writeln!(text, "  {}, since {}", item.problem.code, date(item.since));
    if let Some(due_by) = item.due_by {
        let _ = writeln!(text, "  answer until {}", date(due_by));
    }
    let _ = writeln!(text, "  {}", item.problem.message);
    text.push_str(&steps(&item.problem.remedy));
    text.trim_end().to_owned()
}

fn item_json(item: &AttentionItem) -> Value {
    json!({
        "id": item.id,
        "mode": item.mode.as_str(),
        "code": item.problem.code,
        "reference": item.reference,
        "payment": item.payment,
        "since": item.since,
        "due_by": item.due_by,
        "problem": problem_json(&item.problem),
    })
}
