//! The soak's senders: they post deliveries in random order until each is acknowledged.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use fake_provider::{FakeStripe, UnsentDelivery};
use tokio::sync::watch;

use super::aftermath::is_lost;
use super::ensure;
use crate::egress::client;
use crate::marketplace::Marketplace;

/// The state that the senders share.
pub struct Shared {
    pub deliveries: Mutex<Vec<UnsentDelivery>>,
    pub random: Mutex<fastrand::Rng>,
    /// The host's origin. None: it is being restarted.
    pub host: watch::Receiver<Option<String>>,
    /// Whether neither a kill nor an operation follows.
    pub is_over: watch::Receiver<bool>,
    pub progress: Mutex<Progress>,
}

#[derive(Default)]
pub struct Progress {
    /// The ids of the events whose delivery was answered with 200.
    pub acknowledged: HashSet<String>,
    pub posts: usize,
    pub answers: BTreeMap<u16, usize>,
    pub unanswered: usize,
}

impl Shared {
    pub fn number_of_deliveries(&self) -> usize {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Adds the deliveries of what has happened at the fake Stripe since: each to the installation that created
    /// its payment.
    pub async fn add_deliveries(
        &self,
        fake: &FakeStripe,
        marketplaces: &[Marketplace],
    ) -> Result<()> {
        let mut installations = Vec::new();
        for marketplace in marketplaces {
            installations.push(marketplace.status().await?.0.installation);
        }
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let known: HashSet<String> =
            deliveries.iter().map(|delivery| delivery.event.clone()).collect();
        let is_own = |delivery: &UnsentDelivery| {
            let body = String::from_utf8_lossy(&delivery.body).into_owned();
            let names = |id: &&String| delivery.url.contains(id.as_str());
            installations.iter().find(names).is_some_and(|id| body.contains(id.as_str()))
        };
        let unsent = fake.unsent_deliveries(false).into_iter();
        let is_lost = |new: &UnsentDelivery| is_lost(&String::from_utf8_lossy(&new.body));
        let unsent = unsent.filter(|new| !known.contains(&new.event) && !is_lost(new));
        deliveries.extend(unsent.filter(is_own));
        Ok(())
    }
}

/// Posts deliveries in random order until each is acknowledged and no more kill follows.
pub async fn post(shared: Arc<Shared>) -> Result<()> {
    let sender = client()?;
    let (mut host, is_over) = (shared.host.clone(), shared.is_over.clone());
    loop {
        let delivery = {
            let deliveries = shared.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
            let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
            let mut random = shared.random.lock().unwrap_or_else(PoisonError::into_inner);
            let open: Vec<&UnsentDelivery> = deliveries
                .iter()
                .filter(|delivery| !progress.acknowledged.contains(&delivery.event))
                .collect();
            if open.is_empty() && *is_over.borrow() {
                return Ok(());
            }
            // One of eight is posted again although it was acknowledged.
            let is_again = open.is_empty() || random.u8(..8) == 0;
            let chosen =
                if is_again { random.choice(deliveries.iter()) } else { random.choice(open) };
            chosen.cloned()
        };
        let Some(delivery) = delivery else { continue };
        let origin = match host.wait_for(Option::is_some).await {
            Ok(origin) => origin.clone().unwrap_or_default(),
            Err(_) => return Ok(()),
        };
        let (_, path) = delivery.url.split_once("/link-webhook").unwrap_or_default();
        let answer = sender
            .post(format!("{origin}/link-webhook{path}"))
            .header("stripe-signature", &delivery.signature)
            .body(delivery.body)
            .send()
            .await;
        let status = answer.ok().map(|answer| answer.status().as_u16());
        let mut progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.posts += 1;
        match status {
            Some(status) => *progress.answers.entry(status).or_default() += 1,
            None => progress.unanswered += 1,
        }
        if status == Some(200) {
            progress.acknowledged.insert(delivery.event);
        }
        ensure(status != Some(400), "a genuine delivery was refused")?;
    }
}
