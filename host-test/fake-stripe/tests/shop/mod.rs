//! A shop with an account of a fake Stripe.

// Each test uses a part of it.
#![allow(dead_code)]

use fake_stripe::FakeStripe;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;
use url::form_urlencoded::Serializer;

/// A running fake, and a client of it.
pub struct Shop {
    pub fake: FakeStripe,
    client: Client,
}

impl Shop {
    /// Starts a fake that delivers nowhere.
    pub async fn open() -> Self {
        Self::delivering(|_| None).await
    }

    /// Starts a fake, and says where it really delivers.
    pub async fn delivering(
        deliver_to: impl Fn(&Url) -> Option<Url> + Send + Sync + 'static,
    ) -> Self {
        // An error means that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = FakeStripe::start(listener, Client::new(), Box::new(deliver_to)).unwrap();
        Self { fake, client: Client::new() }
    }

    /// Sends a request with a key; with parameters it is a POST.
    pub async fn ask_as(&self, key: &str, path: &str, params: &[(&str, &str)]) -> Response {
        let url = format!("http://{}{path}", self.fake.address());
        let request = if params.is_empty() {
            self.client.get(url)
        } else {
            self.client.post(url).body(form(params))
        };
        request.bearer_auth(key).send().await.unwrap()
    }

    /// Sends a request with a secret key, and reads the answer.
    pub async fn ask(&self, path: &str, params: &[(&str, &str)]) -> Value {
        body_of(self.ask_as("sk_test_51Shop", path, params).await).await
    }

    /// Triggers an event with the path of the fake for that: the status, and the answer.
    pub async fn trigger(&self, event: &str, overrides: &[(&str, &str)]) -> (u16, Value) {
        let overrides =
            overrides.iter().map(|(path, value)| json!({ "path": path, "value": value }));
        let overrides: Vec<_> = overrides.collect();
        let body = json!({ "event": event, "livemode": false, "overrides": overrides });
        let url = format!("http://{}/fake/trigger", self.fake.address());
        let request = self.client.post(url).header(CONTENT_TYPE, "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), body_of(answer).await)
    }

    /// A new page, on which 1,055 units of a currency are due: the Checkout Session.
    pub async fn page(&self, currency: &str, more: &[(&str, &str)]) -> Value {
        let mut params = vec![
            ("mode", "payment"),
            ("line_items[0][price_data][currency]", currency),
            ("line_items[0][price_data][unit_amount]", "1055"),
            ("line_items[0][price_data][product_data][name]", "A book"),
            ("success_url", "https://shop.example"),
        ];
        params.extend(more);
        self.ask("/v1/checkout/sessions", &params).await
    }

    /// Pays on a page with a card: the PaymentIntent with its charge.
    pub async fn pay(&self, page: &Value, card: &str) -> Value {
        let url = page["url"].as_str().unwrap();
        self.client
            .post(url)
            .body(form(&[("card", card)]))
            .header(CONTENT_TYPE, FORM)
            .send()
            .await
            .unwrap();
        let id = page["id"].as_str().unwrap();
        let path = format!("/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge");
        self.ask(&path, &[]).await["payment_intent"].clone()
    }

    /// The types of the events, the oldest first.
    pub async fn events(&self) -> Vec<String> {
        let events = self.ask("/v1/events?limit=100", &[]).await;
        let events = events["data"].as_array().unwrap().iter().rev();
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

const CONTENT_TYPE: &str = "content-type";
const FORM: &str = "application/x-www-form-urlencoded";

fn form(params: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(params).finish()
}

/// The JSON of an answer.
pub async fn body_of(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
