//! Open-loop HTTP/1.1 load: requests leave at a fixed rate whatever the server does.
//!
//! Reads a plan as JSON from standard input and writes a report as JSON to standard output. A latency
//! runs from the moment a request was due, not from the moment a connection was free to carry it, so a
//! server that stalls pays for every request that had to wait.

mod clock;
mod connection;
mod generator;
mod histogram;
mod plan;
mod report;
mod response;

use std::error::Error;
use std::io;

fn main() -> Result<(), Box<dyn Error>> {
    let plan: plan::Plan = serde_json::from_reader(io::stdin().lock())?;
    plan.check()?;
    let report = generator::Generator::new(&plan)?.run()?;
    serde_json::to_writer(io::stdout().lock(), &report)?;
    Ok(())
}
