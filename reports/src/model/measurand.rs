//! The subject of a line: a bench, and one of its metrics if it reports several.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A bench, and the metric of it. In JSON, `bench` is their joined form, as in
/// `storage/seq-read/nvme/bandwidth`; `bench_id` and `metric` are the parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Measurand {
    /// The id of the bench: `storage/seq-read/nvme`.
    pub bench: String,
    /// The metric: `bandwidth`, `latency-p99`. `None` if the bench has one metric only.
    pub metric: Option<String>,
    /// The share of values below it, if the metric is a percentile: 0.99.
    pub percentile: Option<f64>,
}

impl Measurand {
    /// A bench that has one metric only.
    pub fn of_bench(bench: impl Into<String>) -> Self {
        Self { bench: bench.into(), metric: None, percentile: None }
    }

    /// Splits a joined form that was stored without its parts. `benches` are those of the run.
    pub(crate) fn resolve(&mut self, benches: &[String]) {
        if self.metric.is_some() {
            return;
        }
        let metric_of =
            |bench: &'_ String| self.bench.strip_prefix(bench.as_str())?.strip_prefix('/');
        let split = benches.iter().filter_map(|bench| Some((bench, metric_of(bench)?)));
        if let Some((bench, metric)) = split.max_by_key(|(bench, _)| bench.len())
            && !benches.contains(&self.bench)
        {
            let metric = metric.to_owned();
            self.bench.clone_from(bench);
            self.metric = Some(metric);
        }
    }
}

impl fmt::Display for Measurand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.metric {
            Some(metric) => write!(f, "{}/{metric}", self.bench),
            None => f.write_str(&self.bench),
        }
    }
}

/// The form in JSON.
#[derive(Serialize, Deserialize)]
struct Stored {
    bench: String,
    #[serde(default)]
    bench_id: Option<String>,
    #[serde(default)]
    metric: Option<String>,
    #[serde(default)]
    percentile: Option<f64>,
}

impl From<Stored> for Measurand {
    fn from(stored: Stored) -> Self {
        let Stored { bench, bench_id, metric, percentile } = stored;
        Self { bench: bench_id.unwrap_or(bench), metric, percentile }
    }
}

impl From<Measurand> for Stored {
    fn from(measurand: Measurand) -> Self {
        let bench = measurand.to_string();
        let Measurand { bench: bench_id, metric, percentile } = measurand;
        Self { bench, bench_id: Some(bench_id), metric, percentile }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_forms_of_old_summaries_are_split_at_the_longest_bench() {
        let benches = ["s/a", "s/a/b", "s/c"].map(str::to_owned);
        for (joined, bench, metric) in [
            ("s/a/b/rate", "s/a/b", Some("rate")),
            ("s/a/rate", "s/a", Some("rate")),
            ("s/a/b", "s/a/b", None),
            ("boot/total", "boot/total", None),
            ("s/cd", "s/cd", None),
        ] {
            let mut measurand = Measurand::of_bench(joined);
            measurand.resolve(&benches);
            assert_eq!((measurand.bench.as_str(), measurand.metric.as_deref()), (bench, metric));
            assert_eq!(measurand.to_string(), joined);
        }
    }

    #[test]
    fn json_holds_the_joined_form_and_its_parts() {
        let measurand = Measurand {
            bench: "s/a".into(),
            metric: Some("latency-p99".into()),
            percentile: Some(0.99),
        };
        let json = serde_json::to_value(&measurand).expect("it serialises");
        let expected = serde_json::json!({
            "bench": "s/a/latency-p99",
            "bench_id": "s/a",
            "metric": "latency-p99",
            "percentile": 0.99,
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Measurand>(json).expect("it reads"), measurand);
    }
}
