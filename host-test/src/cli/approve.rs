//! `approve`: the review of a component, and its approval.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CommandError;
use super::output::Output;
use crate::credential_variables::variables;
use crate::marketplace::{Error, Marketplace, Review, TakeOver};
use crate::views;

/// The arguments of `approve`.
#[derive(Args)]
pub struct ApproveArgs {
    /// The component's file [default: the one of --component]
    pub component_file: Option<PathBuf>,
    /// Approve the component if this is its SHA-256
    #[arg(long, value_name = "HASH")]
    sha256: Option<String>,
    /// A port other than 443 that the component may use, as its review shows; may be given several times
    #[arg(long, value_name = "PORT", requires = "sha256")]
    port: Vec<u16>,
    /// Let this workspace's installation send its customers to this origin too, such as the
    /// merchant's own domain at the provider
    #[arg(long, value_name = "https://ORIGIN", conflicts_with = "sha256")]
    page_origin: Option<String>,
}

pub async fn approve(marketplace: &Marketplace, args: ApproveArgs) -> Result<Output, CommandError> {
    if let Some(origin) = args.page_origin {
        marketplace.approve_page_origin(&origin).await.map_err(|error| match error {
            Error::PageOriginMalformed(_) => CommandError::Usage(error.problem()),
            error => error.into(),
        })?;
        let text = format!("Customers may be sent to {origin} by this workspace's installation.");
        return Ok(Output::new(views::page_origin_approved(&origin), text));
    }
    let Some(sha256) = args.sha256 else {
        return review(marketplace).await;
    };
    let (review, moved) = marketplace.approve_exactly(&sha256, &args.port).await?;
    let mut text = review_text(&review);
    let _ = write!(text, "Approved.");
    match moved {
        0 => {}
        1 => text.push_str(" It has taken over 1 installation."),
        moved => {
            let _ = write!(text, " It has taken over {moved} installations.");
        }
    }
    if moved > 0 {
        text.push_str(" `host-test serve --watch` uses it now. Without --watch, start `serve` again with this component.");
    }
    Ok(Output::new(views::approved(&review, moved), text))
}

/// What would be approved.
async fn review(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let review = marketplace.review(TakeOver::All).await?;
    let mut text = review_text(&review);
    let plugin = marketplace.plugin();
    let variables = variables(plugin.manifest(), plugin.is_built_in());
    if !variables.is_empty() {
        let _ = writeln!(text, "`install` reads these from: {}.", variables.join(", "));
    }
    let what = match (review.is_approved, review.takes_over.is_empty()) {
        (false, _) => Some("Nothing was approved. To approve exactly these bytes"),
        (true, false) => Some("To give it those installations"),
        (true, true) => None,
    };
    if let Some(what) = what {
        let _ = write!(text, "{what}: run it again with --sha256 {}", review.sha256);
        for port in &review.unusual_ports {
            let _ = write!(text, " --port {port}");
        }
    }
    Ok(Output::new(json!(review), text.trim_end()))
}

/// The review for a person.
pub fn review_text(review: &Review) -> String {
    let Review { name, provider_id, version, sha256, .. } = review;
    let ports: Vec<String> = review.unusual_ports.iter().map(u16::to_string).collect();
    let mut text = format!(
        "Review of a plugin\n  provider  {name} ({provider_id}), version {version}\n  SHA-256   {sha256}\n"
    );
    if review.imports.is_empty() {
        text.push_str("It can call nothing.\n");
    }
    for (title, mark, lines) in [
        ("It can call", "·", &review.imports),
        ("It asks", "·", &review.asks),
        ("It uses other ports than 443, which is unusual", "!", &ports),
        ("The merchant gives", "·", &review.credentials),
        ("The credentials have to permit", "·", &review.permissions),
        ("It would take over", "!", &review.takes_over),
        ("The component before did not ask", "+", &review.added),
        ("The component before asked", "-", &review.removed),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}:");
        }
        for line in lines {
            let _ = writeln!(text, "  {mark} {line}");
        }
    }
    if review.is_compared && review.added.is_empty() && review.removed.is_empty() {
        text.push_str("It asks for the same as the component before.\n");
    }
    if !review.takes_over.is_empty() {
        text.push_str("Their page origins would have to be approved again.\n");
    }
    if review.is_approved {
        text.push_str("This component is approved.\n");
    }
    text
}
