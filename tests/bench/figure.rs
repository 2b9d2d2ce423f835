//! A figure, its baseline, and its target.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

/// One line of the table, and one object of `bench.json`.
#[derive(Debug, Serialize)]
pub struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    baseline: Option<f64>,
    ratio: Option<f64>,
    aim: Option<String>,
    held: Option<bool>,
}

impl Figure {
    /// A figure without a baseline.
    pub fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, baseline: None, ratio: None, aim: None, held: None }
    }

    /// Adds a baseline in the same unit.
    #[must_use]
    pub fn with_baseline(self, baseline: f64) -> Self {
        let ratio = (baseline != 0.0).then(|| self.value / baseline);
        Self { baseline: Some(baseline), ratio, ..self }
    }

    /// Sets its upper bound.
    #[must_use]
    pub fn at_most(self, max: f64) -> Self {
        let held = self.value <= max;
        Self { aim: Some(format!("{max} at most")), held: Some(held), ..self }
    }

    /// Sets its lower bound.
    #[must_use]
    pub fn at_least(self, min: f64) -> Self {
        let held = self.value >= min;
        Self { aim: Some(format!("{min} at least")), held: Some(held), ..self }
    }

    /// Sets the upper bound of its ratio to the baseline.
    #[must_use]
    pub fn ratio_at_most(self, max: f64) -> Self {
        let held = self.ratio.map(|ratio| ratio <= max);
        Self { aim: Some(format!("ratio {max} at most")), held, ..self }
    }

    /// Sets the lower bound of its ratio to the baseline.
    #[must_use]
    pub fn ratio_at_least(self, min: f64) -> Self {
        let held = self.ratio.map(|ratio| ratio >= min);
        Self { aim: Some(format!("ratio {min} at least")), held, ..self }
    }

    /// Sets its largest distance from the baseline.
    #[must_use]
    pub fn within(self, more: f64) -> Self {
        let held = self.baseline.map(|baseline| self.value <= baseline + more);
        Self { aim: Some(format!("baseline + {more} at most")), held, ..self }
    }
}

/// The figures as a table.
pub fn table(figures: &[Figure]) -> String {
    let mut text =
        format!("{:<32} {:>9} {:<5} {:>9} {:>7}  {}", "", "value", "", "baseline", "ratio", "aim");
    for figure in figures {
        let number = |number: Option<f64>| number.map(|number| format!("{number:.3}"));
        let verdict = match figure.held {
            Some(true) => ": held",
            Some(false) => ": NOT held",
            None => "",
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n{:<32} {:>9.3} {:<5} {:>9} {:>7}  {}{verdict}",
            figure.name,
            figure.value,
            figure.unit,
            number(figure.baseline).unwrap_or_default(),
            number(figure.ratio).unwrap_or_default(),
            figure.aim.as_deref().unwrap_or_default(),
        );
    }
    text
}

/// The figures as JSON.
pub fn json(figures: &[Figure]) -> Result<String> {
    Ok(serde_json::to_string_pretty(figures)? + "\n")
}

/// The smallest of `values` that `share` (0 to 1) of them do not exceed, by nearest rank. Sorts
/// them. 0 for none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among a few hundred values"
    )]
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}
