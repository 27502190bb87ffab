//! The page on which a customer pays.

use std::sync::Arc;

use axum::extract::{Form, Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::intents::{Outcome, authenticate as answer_bank, confirm};
use super::state::Realm;
use crate::contract::types::Money;

/// What the customer types.
#[derive(Deserialize)]
pub struct Card {
    card: String,
}

/// What the customer answers to the bank.
#[derive(Deserialize)]
pub struct Authentication {
    outcome: String,
}

/// Shows the page.
pub async fn show(Extract(shared): Extract<Arc<Shared>>, Path(id): Path<String>) -> Response {
    with_session(&shared, &id, |session, what| match session {
        "open" => form(&id, what, None),
        "complete" => said("Paid", "Thank you. This payment is complete."),
        _ => said("Expired", "This page is no longer valid."),
    })
}

/// The customer pays.
pub async fn pay(
    Extract(shared): Extract<Arc<Shared>>,
    Path(id): Path<String>,
    Form(Card { card }): Form<Card>,
) -> Response {
    after(&shared, &id, |realm| confirm(&shared, realm, &id, &card))
}

/// The customer answers the bank's question.
pub async fn authenticate(
    Extract(shared): Extract<Arc<Shared>>,
    Path(id): Path<String>,
    Form(Authentication { outcome }): Form<Authentication>,
) -> Response {
    let succeeds = outcome == "succeed";
    after(&shared, &id, |realm| answer_bank(&shared, realm, &id, succeeds))
}

fn after(shared: &Shared, id: &str, act: impl FnOnce(Realm) -> Option<Outcome>) -> Response {
    let open_in = {
        let mut state = shared.state();
        state.realm_of_session(id).filter(|&realm| {
            state.side_mut(realm).sessions.iter().any(|s| s.id == id && s.status == "open")
        })
    };
    let outcome = open_in.and_then(act);
    with_session(shared, id, |_, what| match outcome {
        Some(Outcome::Paid | Outcome::Disputed) => {
            said("Paid", "Thank you. This payment is complete.")
        }
        Some(Outcome::Declined) => form(id, what, Some("Your card was declined. Try another one.")),
        Some(Outcome::MustAuthenticate) => question(id),
        None => said("Not possible", "This payment is not waiting for that."),
    })
}

fn with_session(shared: &Shared, id: &str, body: impl FnOnce(&str, &str) -> String) -> Response {
    let mut state = shared.state();
    let session = state
        .realm_of_session(id)
        .and_then(|realm| state.side_mut(realm).sessions.iter().find(|s| s.id == id));
    let Some(session) = session else {
        let page = html(&said("Not found", "There is no such payment page."));
        return (StatusCode::NOT_FOUND, Html(page)).into_response();
    };
    let amount = Money { minor_units: session.amount, currency: session.currency.clone() };
    let amount = crate::money::display(&amount);
    let what = format!("{} — {}", escaped(&session.name), escaped(&amount));
    Html(html(&body(session.status, &what))).into_response()
}

fn form(id: &str, what: &str, error: Option<&str>) -> String {
    let id = escaped(id);
    let error = error.map_or_else(String::new, |error| format!("<p role=alert>{error}</p>"));
    format!(
        "<h1>{what}</h1>{error}<form method=post action=\"/c/pay/{id}\">\
         <label>Card number <input name=card list=cards value=\"4242 4242 4242 4242\" required></label>\
         <datalist id=cards><option value=\"4242 4242 4242 4242\">pays\
         <option value=\"4000 0000 0000 0002\">is declined\
         <option value=\"4000 0025 0000 3155\">asks for authentication\
         <option value=\"4000 0000 0000 0259\">pays, then objects at the bank</datalist>\
         <button>Pay</button></form>"
    )
}

fn question(id: &str) -> String {
    format!(
        "<h1>Your bank asks: is it you?</h1>\
         <form method=post action=\"/c/pay/{}/authenticate\">\
         <button name=outcome value=succeed>Yes, it is me</button> \
         <button name=outcome value=fail>No</button></form>",
        escaped(id)
    )
}

fn said(title: &str, sentence: &str) -> String {
    format!("<h1>{title}</h1><p>{sentence}</p>")
}

fn html(body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>Fake Stripe</title>\
         <style>body{{font:1.1rem system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}}\
         button,input{{font:inherit;padding:.5rem}}[role=alert]{{color:#b00020}}</style>\
         <p><small>Fake Stripe: no real money moves here.</small></p>{body}</html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
