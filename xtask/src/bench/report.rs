//! The tables at the end of a bench, and its JSON.

use std::time::Duration;

use serde_json::{Value, json};

/// One line of the result.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) took: Duration,
    pub(super) peak_rss_bytes: Option<u64>,
}

impl Measure {
    pub(super) fn rows_per_second(&self) -> f64 {
        as_f64(self.rows) / self.took.as_secs_f64()
    }

    pub(super) fn megabytes_per_second(&self) -> f64 {
        as_f64(self.bytes) / 1e6 / self.took.as_secs_f64()
    }
}

/// Which side of its target a ratio must be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    AtLeast,
    AtMost,
}

/// What we want to reach: a figure of ours as a multiple of another one from the same run.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) measured: f64,
    /// What it is compared with, and its figure.
    pub(super) against: String,
    pub(super) reference: f64,
    pub(super) bound: Bound,
    pub(super) ratio: f64,
}

impl Target {
    pub(super) fn measured_ratio(&self) -> f64 {
        self.measured / self.reference
    }

    pub(super) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast => self.measured_ratio() >= self.ratio,
            Bound::AtMost => self.measured_ratio() <= self.ratio,
        }
    }
}

/// Percentiles of a latency.
#[derive(Debug, Clone)]
pub(super) struct Latency {
    pub(super) name: String,
    pub(super) samples: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// Everything that a run has found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) measures: Vec<Measure>,
    pub(super) latencies: Vec<Latency>,
    pub(super) targets: Vec<Target>,
}

impl Findings {
    pub(super) fn print(&self) {
        if !self.measures.is_empty() {
            println!(
                "\n{:42} {:>10} {:>9} {:>8} {:>10} {:>8} {:>9}",
                "", "rows", "MB", "seconds", "rows/s", "MB/s", "peak MiB"
            );
        }
        for measure in &self.measures {
            let peak = measure
                .peak_rss_bytes
                .map_or_else(String::new, |bytes| (bytes >> 20).to_string());
            println!(
                "{:42} {:>10} {:>9.1} {:>8.2} {:>10.0} {:>8.1} {peak:>9}",
                measure.name,
                measure.rows,
                as_f64(measure.bytes) / 1e6,
                measure.took.as_secs_f64(),
                measure.rows_per_second(),
                measure.megabytes_per_second(),
            );
        }
        if !self.latencies.is_empty() {
            println!(
                "\n{:42} {:>10} {:>9} {:>9} {:>9}",
                "commit to visible", "rows", "p50 ms", "p99 ms", "max ms"
            );
        }
        for latency in &self.latencies {
            println!(
                "{:42} {:>10} {:>9.2} {:>9.2} {:>9.2}",
                latency.name, latency.samples, latency.p50_ms, latency.p99_ms, latency.max_ms
            );
        }
        println!(
            "\n{:34} {:>12} {:>12}  {:44} {:>9} {:>7} {:>4}",
            "target", "measured", "reference", "", "wanted", "ratio", "met"
        );
        for target in &self.targets {
            let bound = match target.bound {
                Bound::AtLeast => ">=",
                Bound::AtMost => "<=",
            };
            println!(
                "{:34} {:>12.1} {:>12.1}  {:44} {:>9} {:>7.2} {:>4}",
                target.name,
                target.measured,
                target.reference,
                format!("{} {}", target.unit, target.against),
                format!("{bound} {}", target.ratio),
                target.measured_ratio(),
                if target.is_met() { "yes" } else { "no" }
            );
        }
    }

    pub(super) fn as_json(&self) -> Value {
        let measure = |measure: &Measure| {
            json!({
                "name": measure.name,
                "rows": measure.rows,
                "bytes": measure.bytes,
                "seconds": measure.took.as_secs_f64(),
                "rows_per_second": measure.rows_per_second(),
                "peak_rss_bytes": measure.peak_rss_bytes,
            })
        };
        let latency = |latency: &Latency| {
            json!({
                "name": latency.name,
                "samples": latency.samples,
                "p50_ms": latency.p50_ms,
                "p99_ms": latency.p99_ms,
                "max_ms": latency.max_ms,
            })
        };
        let target = |target: &Target| {
            json!({
                "name": target.name,
                "unit": target.unit,
                "measured": target.measured,
                "against": target.against,
                "reference": target.reference,
                "wanted_ratio": target.ratio,
                "ratio": target.measured_ratio(),
                "met": target.is_met(),
            })
        };
        json!({
            "measures": self.measures.iter().map(measure).collect::<Vec<_>>(),
            "latencies": self.latencies.iter().map(latency).collect::<Vec<_>>(),
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
pub(super) fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_on_its_side_of_the_bound() {
        let target = |measured, bound| Target {
            name: "",
            unit: "",
            measured,
            against: String::new(),
            reference: 2.0,
            bound,
            ratio: 1.5,
        };
        assert!(target(3.0, Bound::AtLeast).is_met() && target(3.0, Bound::AtMost).is_met());
        assert!(!target(2.9, Bound::AtLeast).is_met() && target(2.9, Bound::AtMost).is_met());
        assert!(target(3.1, Bound::AtLeast).is_met() && !target(3.1, Bound::AtMost).is_met());
    }
}
