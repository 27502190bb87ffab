//! The list of events: what no delivery said is found there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fixed;
use crate::clock;
use crate::conform::case::{Case, Ending, Outcome, Rule, expect, failed};
use crate::conform::direct::Direct;
use crate::conform::evidence::Evidence;
use crate::conform::kit::Kit;
use crate::conform::scenario::Missing;
use crate::contract::types::{Event, EventQuery, EventSubject, Payment, PaymentStatus};

/// More pages than the events of a case can have.
const MOST_PAGES: usize = 200;

/// The list of events is complete and in order, however large its pages are.
pub const COMPLETE_EVENTS: Rule = Rule {
    name: "complete-events",
    why: "Deliveries get lost. What happened then is known only from the list.",
    cases: |_| {
        fixed(vec![
            Case::new("complete", complete),
            Case::new("one-by-one", one_by_one),
            Case::new("newest-first", newest_first),
            Case::new("ids-are-kept", ids_are_kept),
            Case::new("since", since),
        ])
    },
};

/// Three payments that were paid, the first one refunded, and the time before them.
async fn shop(kit: Arc<Kit>, evidence: Evidence) -> Result<(Direct, Vec<Payment>, u64), Ending> {
    kit.scenario.needs(Missing::Events)?;
    let direct = Direct::start(kit, evidence).await?;
    let before = clock::now().saturating_sub(5);
    let mut payments = Vec::new();
    for _ in 0..3 {
        payments.push(direct.paid(&direct.order()).await?);
    }
    if let Some(first) =
        payments.first().filter(|_| direct.world.kit.scenario.can(Missing::Refunds))
    {
        direct.refund(&Direct::refund_of(first)).await?;
    }
    Ok((direct, payments, before))
}

/// Every event since a time, in pages of a size.
async fn list(direct: &Direct, since: u64, limit: u32) -> Result<Vec<Event>, Ending> {
    let (mut events, mut cursor, mut seen) = (Vec::new(), None, BTreeSet::new());
    for _ in 0..MOST_PAGES {
        let query = EventQuery { since, limit, cursor: cursor.clone() };
        let page = direct.plugin.list_events(direct.call(), &direct.installation, &query).await;
        let page = direct.expect_ok("list-events", page)?;
        events.extend(page.events);
        cursor = page.cursor;
        match &cursor {
            None => return Ok(events),
            Some(cursor) => expect(seen.insert(cursor.clone()), || {
                "list-events gives the same cursor twice".to_owned()
            })?,
        }
    }
    failed("list-events does not come to an end")
}

async fn complete(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, payments, before) = shop(kit, evidence).await?;
    let events = list(&direct, before, 100).await?;
    for payment in &payments {
        let says_so = |event: &Event| {
            let EventSubject::Payment(told) = &event.subject else { return false };
            let is_it = told.aliases.iter().any(|alias| payment.aliases.contains(alias));
            is_it && told.status == PaymentStatus::Approved
        };
        expect(events.iter().any(says_so), || {
            format!("no listed event says that the payment {} was approved", payment.id)
        })?;
    }
    let is_refund = |event: &Event| match &event.subject {
        EventSubject::Refund(_) => true,
        EventSubject::Payment(told) => told.refunded.is_some_and(|refunded| refunded > 0),
        _ => false,
    };
    let has_refunds = direct.world.kit.scenario.can(Missing::Refunds);
    expect(!has_refunds || events.iter().any(is_refund), || {
        "no listed event says that money was refunded".to_owned()
    })
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

async fn one_by_one(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, _, before) = shop(kit, evidence).await?;
    let all = list(&direct, before, 100).await?;
    for limit in [1, 2] {
        let in_pages = list(&direct, before, limit).await?;
        expect(ids(&all) == ids(&in_pages), || {
            let (all, paged) = (all.len(), in_pages.len());
            format!("pages of {limit} list other events than one of 100: {paged} and {all}")
        })?;
    }
    Ok(())
}

async fn newest_first(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, _, before) = shop(kit, evidence).await?;
    let mut events = list(&direct, before, 100).await?;
    expect(events.len() > 1, || "there are not even two events to compare".to_owned())?;
    let is_sorted =
        |events: &[Event]| events.is_sorted_by(|one, next| one.occurred_at >= next.occurred_at);
    expect(is_sorted(&events), || "the events are not listed the newest first".to_owned())?;
    // Within one second the order of the list is all that there is: a later event stands before.
    events.reverse();
    let created = events.iter().position(|event| {
        matches!(&event.subject,
        EventSubject::Payment(told) if told.status != PaymentStatus::Approved)
    });
    let approved = events.iter().position(|event| {
        matches!(&event.subject,
        EventSubject::Payment(told) if told.status == PaymentStatus::Approved)
    });
    expect(created.is_none() || created < approved, || {
        "the first payment is listed as approved before it was created".to_owned()
    })
}

async fn ids_are_kept(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, _, before) = shop(kit, evidence).await?;
    let first = list(&direct, before, 100).await?;
    let again = list(&direct, before, 100).await?;
    expect(ids(&first) == ids(&again), || {
        "the same events have other ids when listed again".to_owned()
    })?;
    let different: BTreeSet<&str> = ids(&first).into_iter().collect();
    expect(different.len() == first.len(), || "two listed events have the same id".to_owned())
}

async fn since(kit: Arc<Kit>, evidence: Evidence) -> Outcome {
    let (direct, _, before) = shop(kit, evidence).await?;
    let all = list(&direct, before, 100).await?;
    expect(all.iter().all(|event| event.occurred_at >= before), || {
        "an event is listed that is older than `since`".to_owned()
    })?;
    let later = list(&direct, clock::now() + 3600, 100).await?;
    expect(later.is_empty(), || "events are listed since a time in the future".to_owned())
}
