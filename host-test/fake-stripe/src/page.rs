//! The page on which a customer pays.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use iso_currency::Currency;
use serde::Deserialize;

use crate::account::AccountMode;
use crate::customer;
use crate::objects::CheckoutSession;
use crate::server::Server;
use crate::test_cards::{DECLINED, Outcome};

/// The form with the customer's card.
#[derive(Deserialize)]
pub struct Card {
    card: String,
}

/// The form with the customer's answer to the bank.
#[derive(Deserialize)]
pub struct Authentication {
    outcome: String,
}

/// Shows the page.
pub async fn show(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    with_session(&server, &id, |session| match session.status {
        "open" => card_form(&id, &description(session), None),
        "complete" => notice("Paid", "Thank you. This payment is complete."),
        _ => notice("Expired", "This page is no longer valid."),
    })
}

/// Pays with a card.
pub async fn pay(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    Form(Card { card }): Form<Card>,
) -> Response {
    act(&server, &id, |mode| customer::pay(&server, mode, &id, &card))
}

/// Answers the bank's authentication.
pub async fn authenticate(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    Form(Authentication { outcome }): Form<Authentication>,
) -> Response {
    let succeeds = outcome == "succeed";
    act(&server, &id, |mode| {
        customer::authenticate(&server, mode, &id, succeeds)?;
        Some(if succeeds { Outcome::Paid } else { DECLINED.outcome })
    })
}

/// Shows the bank's page of a PaymentIntent that the API has made.
pub async fn show_authentication(Path(id): Path<String>) -> Html<String> {
    Html(html(&authentication_form(&format!("/c/authenticate/{}", escaped(&id)))))
}

/// Answers the bank's authentication of a PaymentIntent that the API has made.
pub async fn authenticate_intent(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    Form(Authentication { outcome }): Form<Authentication>,
) -> Html<String> {
    let mode = server.accounts().mode_of_intent(&id);
    let answered = mode
        .and_then(|mode| customer::authenticate_intent(&server, mode, &id, outcome == "succeed"));
    Html(html(&match answered {
        Some(()) => notice("Done", "You can close this page."),
        None => notice("Not possible", "This payment is not waiting for that."),
    }))
}

/// Shows the voucher.
pub async fn show_voucher(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    with_session(&server, &id, |_| voucher_form(&id))
}

/// Pays the voucher, or lets it expire.
pub async fn settle_voucher(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    Form(Authentication { outcome }): Form<Authentication>,
) -> Response {
    let is_paid = outcome == "pay";
    let settled = {
        let mode = server.accounts().mode_of_session(&id);
        mode.and_then(|mode| customer::settle_voucher(&server, mode, &id, is_paid))
    };
    with_session(&server, &id, |_| match settled {
        Some(()) if is_paid => notice("Paid", "Thank you. This voucher is paid."),
        Some(()) => notice("Expired", "This voucher can no longer be paid."),
        None => notice("Not possible", "This voucher is not waiting for a payment."),
    })
}

/// Does something on an open page, and shows the result.
fn act(server: &Server, id: &str, act: impl FnOnce(AccountMode) -> Option<Outcome>) -> Response {
    let open_in = {
        let mut accounts = server.accounts();
        let mode = accounts.mode_of_session(id);
        mode.filter(|&mode| {
            let session = accounts.state_mut(mode).session_mut(id);
            session.is_some_and(|session| session.status == "open")
        })
    };
    let outcome = open_in.and_then(act);
    with_session(server, id, |session| match outcome {
        Some(
            Outcome::Paid | Outcome::Disputed | Outcome::PaidInPart | Outcome::PaidInOtherCurrency,
        ) => notice("Paid", "Thank you. This payment is complete."),
        Some(Outcome::Declined(_)) => {
            let error = "Your card was declined. Try another one.";
            card_form(id, &description(session), Some(error))
        }
        Some(Outcome::RequiresAuthentication) => {
            authentication_form(&format!("/c/pay/{}/authenticate", escaped(id)))
        }
        Some(Outcome::HasVoucher) => voucher_form(id),
        None => notice("Not possible", "This payment is not waiting for that."),
    })
}

fn with_session(
    server: &Server,
    id: &str,
    body: impl FnOnce(&CheckoutSession) -> String,
) -> Response {
    let mut accounts = server.accounts();
    let mode = accounts.mode_of_session(id);
    let session = mode.and_then(|mode| accounts.state_mut(mode).session_mut(id));
    let Some(session) = session else {
        let page = html(&notice("Not found", "There is no such payment page."));
        return (StatusCode::NOT_FOUND, Html(page)).into_response();
    };
    Html(html(&body(session))).into_response()
}

/// What the customer pays for, and the amount.
fn description(session: &CheckoutSession) -> String {
    let amount = displayed(session.amount, &session.currency);
    format!("{} — {}", escaped(&session.name), escaped(&amount))
}

/// An amount in Stripe's units, such as `10.50 USD`.
fn displayed(amount: u64, currency: &str) -> String {
    let currency = currency.to_uppercase();
    // Stripe counts these three otherwise than ISO 4217.
    let decimals = match currency.as_str() {
        "ISK" | "UGX" => 2,
        "MGA" => 0,
        _ => Currency::from_code(&currency).and_then(Currency::exponent).unwrap_or(0),
    };
    let divisor = 10_u64.pow(u32::from(decimals));
    let (whole, rest, width) = (amount / divisor, amount % divisor, usize::from(decimals));
    if width == 0 {
        format!("{whole} {currency}")
    } else {
        format!("{whole}.{rest:0width$} {currency}")
    }
}

fn card_form(id: &str, description: &str, error: Option<&str>) -> String {
    let id = escaped(id);
    let error = error.map_or_else(String::new, |error| format!("<p role=alert>{error}</p>"));
    format!(
        "<h1>{description}</h1>{error}<form method=post action=\"/c/pay/{id}\">\
         <label>Card number <input name=card list=cards value=\"4242 4242 4242 4242\" required></label>\
         <datalist id=cards><option value=\"4242 4242 4242 4242\">pays\
         <option value=\"4000 0000 0000 0002\">is declined\
         <option value=\"4000 0025 0000 3155\">asks for authentication\
         <option value=\"voucher\">pays a voucher later\
         <option value=\"short\">pays only 90 %\
         <option value=\"euro\">pays in another currency\
         <option value=\"4000 0000 0000 0259\">pays, then disputes the payment</datalist>\
         <button>Pay</button></form>"
    )
}

fn voucher_form(id: &str) -> String {
    format!(
        "<h1>Pay this voucher in a shop</h1>\
         <form method=post action=\"/c/pay/{}/voucher\">\
         <button name=outcome value=pay>Pay it</button> \
         <button name=outcome value=expire>Let it expire</button></form>",
        escaped(id)
    )
}

/// `action`: the path that takes the answer, escaped.
fn authentication_form(action: &str) -> String {
    format!(
        "<h1>Your bank asks: is it you?</h1>\
         <form method=post action=\"{action}\">\
         <button name=outcome value=succeed>Yes, it is me</button> \
         <button name=outcome value=fail>No</button></form>"
    )
}

fn notice(title: &str, sentence: &str) -> String {
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
