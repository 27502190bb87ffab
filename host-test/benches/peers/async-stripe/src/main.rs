//! Times `construct_event` of async-stripe on one body that is signed here: `peer-async-stripe BODY_FILE ITERATIONS`.
//!
//! It prints the median and the 99th percentile, in nanoseconds, as JSON.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use stripe_webhook::{EventObject, Webhook};

const USAGE: &str = "the command line is BODY_FILE ITERATIONS";
const SECRET: &str = "whsec_ofTheBenchmark";
/// The calls before the measurement.
const WARM_UP: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let body_file = arguments.next().ok_or(USAGE)?;
    let iterations = arguments.next().and_then(|number| number.parse().ok());
    let iterations: usize = iterations.filter(|number| *number > 0).ok_or(USAGE)?;
    let body = std::fs::read(body_file)?;
    let text = std::str::from_utf8(&body)?;
    let header = Webhook::generate_test_header(text, SECRET, None);

    let mut times = Vec::with_capacity(iterations);
    for call in 0..WARM_UP + iterations {
        let start = Instant::now();
        // A service has bytes, and the library wants text.
        let text = std::str::from_utf8(black_box(&body))?;
        let event = Webhook::construct_event(text, &header, SECRET)?;
        let time = start.elapsed();
        if !matches!(event.data.object, EventObject::PaymentIntentSucceeded(_)) {
            return Err(format!("the event is {}", event.type_).into());
        }
        if call >= WARM_UP {
            times.push(time.as_nanos());
        }
    }
    times.sort_unstable();
    let percentile = |percent| times.get(iterations * percent / 100).copied().unwrap_or_default();
    println!(r#"{{"p50_ns":{},"p99_ns":{}}}"#, percentile(50), percentile(99));
    Ok(())
}
