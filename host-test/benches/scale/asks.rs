//! The operator's requests that are measured.

/// An operator's request that is measured.
pub struct Ask {
    pub figure: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    /// Whether it is about one merchant's workspace.
    pub is_of_one: bool,
    pub body: fn(u64) -> String,
    /// What the answer has to hold.
    pub answer: &'static str,
}

/// How often each is made.
pub const REQUESTS: u64 = 100;

const NO_BODY: fn(u64) -> String = |_| String::new();
/// `reconcile` before `pay`: what is not paid yet would be asked about.
pub const ASKS: [Ask; 6] = [
    Ask {
        figure: "a round of reconciliation",
        method: "POST",
        path: "/api/v1/reconcile",
        is_of_one: true,
        body: NO_BODY,
        answer: r#""failed":0"#,
    },
    Ask {
        figure: "`pay`",
        method: "POST",
        path: "/api/v1/payments",
        is_of_one: true,
        body: |number| {
            let payment = serde_json::json!({
                "amount": "20.00", "currency": "usd", "reference": format!("new-{number}"),
                "success_url": "https://example.com/thank-you",
            });
            payment.to_string()
        },
        answer: r#""status":"pending""#,
    },
    Ask {
        figure: "`status`",
        method: "GET",
        path: "/api/v1/status",
        is_of_one: true,
        body: NO_BODY,
        answer: r#""checks":["#,
    },
    Ask {
        figure: "`payments`",
        method: "GET",
        path: "/api/v1/payments",
        is_of_one: true,
        body: NO_BODY,
        answer: r#""payments":[{"#,
    },
    Ask {
        figure: "`transitions`",
        method: "GET",
        path: "/api/v1/transitions",
        is_of_one: true,
        body: NO_BODY,
        answer: r#""transitions":[{"#,
    },
    Ask {
        figure: "`/readyz`",
        method: "GET",
        path: "/readyz",
        is_of_one: false,
        body: NO_BODY,
        answer: r#""ready":true"#,
    },
];
