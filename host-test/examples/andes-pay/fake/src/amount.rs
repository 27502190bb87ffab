//! Amounts as decimal texts, with exactly the decimals of their currency.

/// The decimals of a currency. Source: ISO 4217.
fn decimals(currency: &str) -> Option<usize> {
    match currency {
        "CLP" | "ISK" | "JPY" => Some(0),
        "BRL" | "COP" | "EUR" | "PEN" | "USD" => Some(2),
        "KWD" => Some(3),
        _ => None,
    }
}

/// The minor units of an amount above zero. The error is its code.
pub fn parse(text: &str, currency: &str) -> Result<u64, &'static str> {
    let decimals = decimals(currency).ok_or("currency_invalid")?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_exact = fraction.len() == decimals
        && text.contains('.') == (decimals > 0)
        && !whole.is_empty()
        && (whole == "0" || !whole.starts_with('0'))
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let units = format!("{whole}{fraction}").parse().ok().filter(|units| is_exact && *units > 0);
    units.ok_or("amount_invalid")
}

/// The decimal text of minor units.
pub fn text(units: u64, currency: &str) -> String {
    let decimals = decimals(currency).unwrap_or(0);
    let digits = format!("{units:0>width$}", width = decimals + 1);
    match digits.split_at(digits.len() - decimals) {
        (whole, "") => whole.to_owned(),
        (whole, fraction) => format!("{whole}.{fraction}"),
    }
}
