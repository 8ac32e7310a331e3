//! What does the guard cost? One command answers:
//!
//! ```text
//! cargo run --release -p doorward-bench
//! ```
//!
//! Three ways to the same cheap upstream are measured in turn, round by round, so that a machine whose speed drifts
//! drifts for all of them: *direct*; through a bare hop that parses the JSON and checks nothing (the *floor*); and
//! through `doorward serve` with a JWT, twenty rules, a limit and the ledger. Read the ratios, not the absolute times.

mod floor;
mod load;
mod node;
mod table;
mod upstream;

use std::time::Duration;

use load::{Case, Size};
use table::Row;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["upstream", port] => upstream::serve(port.parse()?).await,
        ["floor", port, target] => floor::serve(port.parse()?, target.parse()?).await,
        [] => measure(ROUNDS, ROUND).await,
        ["quick"] => measure(1, Duration::from_millis(300)).await,
        _ => Err("usage: doorward-bench [quick]".into()),
    }
}

/// Runs every case in alternating rounds and prints the table.
async fn measure(rounds: usize, round: Duration) -> Result<(), Failed> {
    let paths = node::start().await?;
    let mut rows = Vec::new();
    for size in [Size::Small, Size::Large] {
        for connections in [1, 64] {
            let case = Case { size, connections };
            let mut row = Row::new(case);
            for _ in 0..rounds {
                for path in &paths.all {
                    let before = path.cpu();
                    let result = load::run(path, case, round).await?;
                    let after = path.cpu();
                    row.add(path.name, result, after.saturating_sub(before), path.peak_memory());
                }
            }
            rows.push(row);
        }
    }
    print!("{}", table::render(&rows, rounds, round));
    Ok(())
}
