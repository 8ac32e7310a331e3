//! The table: medians over the rounds, and ratios round by round.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::load::{Case, Round, Size};

/// All rounds of one case.
pub struct Row {
    case: Case,
    ways: BTreeMap<&'static str, Vec<Figures>>,
}

#[derive(Clone, Copy)]
struct Figures {
    per_second: f64,
    p50: f64,
    p99: f64,
    cpu: f64,
    memory: f64,
}

impl Row {
    pub fn new(case: Case) -> Self {
        Self { case, ways: BTreeMap::new() }
    }

    /// Adds a round of one way; `cpu` is what its process used meanwhile.
    pub fn add(&mut self, way: &'static str, round: Round, cpu: Duration, memory_kib: u64) {
        let at = |share: f64| {
            let place = (round.latencies.len() as f64 * share) as usize;
            round.latencies.get(place.min(round.latencies.len().saturating_sub(1))).copied().unwrap_or(0) as f64
        };
        let figures = Figures {
            per_second: round.requests as f64 / round.seconds,
            p50: at(0.50),
            p99: at(0.99),
            cpu: cpu.as_secs_f64() * 1e6 / round.requests.max(1) as f64,
            memory: memory_kib as f64 / 1024.0,
        };
        self.ways.entry(way).or_default().push(figures);
    }

    /// The median over the rounds of `pick`, as a ratio to the direct way of the same round if `ratio` is set.
    fn median(&self, way: &str, ratio: bool, pick: impl Fn(&Figures) -> f64) -> f64 {
        let empty = Vec::new();
        let (ours, direct) = (self.ways.get(way).unwrap_or(&empty), self.ways.get("direct").unwrap_or(&empty));
        let mut values: Vec<f64> = ours
            .iter()
            .zip(direct)
            .map(|(ours, direct)| if ratio { pick(ours) / pick(direct) } else { pick(ours) })
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// The whole table in Markdown.
pub fn render(rows: &[Row], rounds: usize, round: Duration) -> String {
    let mut text = format!(
        "Medians of {rounds} alternating rounds of {} s; every answer checked. 2026-07-28, HTTP/1.1, no TLS.\n\n\
         | answer | connections | way | requests/s | ratio to direct | p50 us | ratio | p99 us | ratio | CPU us/request | peak MiB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        round.as_secs_f64()
    );
    for row in rows {
        let size = match row.case.size {
            Size::Small => "300 B",
            Size::Large => "64 KiB",
        };
        for way in ["direct", "floor", "doorward"] {
            let _ = writeln!(
                text,
                "| {size} | {} | {way} | {:.0} | {:.3} | {:.0} | {:.2} | {:.0} | {:.2} | {:.0} | {:.0} |",
                row.case.connections,
                row.median(way, false, |figures| figures.per_second),
                row.median(way, true, |figures| figures.per_second),
                row.median(way, false, |figures| figures.p50),
                row.median(way, true, |figures| figures.p50),
                row.median(way, false, |figures| figures.p99),
                row.median(way, true, |figures| figures.p99),
                row.median(way, false, |figures| figures.cpu),
                row.median(way, false, |figures| figures.memory),
            );
        }
    }
    text
}
