//! What a customer does on the fake's pages.

use crate::account::{AccountMode, AccountState};
use crate::delivery::Outbox;
use crate::objects::PaymentIntent;
use crate::payment;
use crate::server::Server;
use crate::test_cards::{Outcome, TestCard};

/// Pays a Checkout Session with a card. None: there is no such session.
pub fn pay(server: &Server, mode: AccountMode, session_id: &str, card: &str) -> Option<Outcome> {
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    pay_session(&server.outbox, state, session_id, TestCard::by_number(card))
}

/// Pays a Checkout Session, whose PaymentIntent begins with the first attempt. None: there is no such
/// session.
pub fn pay_session(
    outbox: &Outbox,
    state: &mut AccountState,
    session_id: &str,
    card: &'static TestCard,
) -> Option<Outcome> {
    let session = state.session_mut(session_id)?;
    let intent_id = if let Some(id) = &session.payment_intent {
        id.clone()
    } else {
        let intent = PaymentIntent::of_session(session);
        let (id, created) = (intent.id.clone(), intent.json());
        session.payment_intent = Some(id.clone());
        state.intents.push(intent);
        outbox.record_event(state, "payment_intent.created", &created);
        id
    };
    payment::attempt(outbox, state, &intent_id, card)
}

/// Pays the voucher of a session, or lets it expire. None: there is no voucher to pay.
pub fn settle_voucher(
    server: &Server,
    mode: AccountMode,
    session_id: &str,
    is_paid: bool,
) -> Option<()> {
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    let intent_id = state.session(session_id)?.payment_intent.clone()?;
    payment::settle_voucher(&server.outbox, state, &intent_id, is_paid)
}

/// Answers the bank's authentication on the page of a session. None: the bank does not ask.
pub fn authenticate(
    server: &Server,
    mode: AccountMode,
    session_id: &str,
    succeeds: bool,
) -> Option<()> {
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    let intent_id = state.session(session_id)?.payment_intent.clone()?;
    payment::authenticate(&server.outbox, state, &intent_id, succeeds)
}

/// Answers the bank's authentication of a PaymentIntent that the API has made. None: the bank does not ask.
pub fn authenticate_intent(
    server: &Server,
    mode: AccountMode,
    intent_id: &str,
    succeeds: bool,
) -> Option<()> {
    let mut accounts = server.accounts();
    let state = accounts.state_mut(mode);
    payment::authenticate(&server.outbox, state, intent_id, succeeds)
}
