//! The demonstration contracts, and what a caller from each of their numbers hears.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::repository;

/// A number of no contract, to hear `not-available` with.
const STRANGER: &str = "0612345699";

/// The CSV file of the demonstration contracts.
pub fn contracts() -> PathBuf {
    repository().join("sql/demo-contracts.csv")
}

/// Every number that `make run` gives a telephone, in the order of the file, and what a caller from
/// it hears.
///
/// # Errors
/// If the file cannot be read or a row has fewer than three fields.
pub fn numbers() -> Result<Vec<(String, String)>> {
    let table = fs::read_to_string(contracts())?;
    let rows = table.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>());
    let rows: Vec<Vec<&str>> = rows.collect();
    let mut numbers = Vec::new();
    for row in &rows {
        let [contract, number, service, ..] = row[..] else { None.context("too few fields")? };
        let is_served = rows.iter().any(|row| row[0] == contract && row[2] == "yes");
        let explanation = match (is_served, contract == number, service) {
            (false, ..) => "refused: no number of its contract has the service: not-available",
            (true, true, "yes") => "contract number: the menu; may choose any unit",
            (true, true, _) => "contract number without the service: the menu; may choose any unit",
            (true, false, "yes") => "the menu; the unit in force, any while there is none",
            (true, false, _) => "without the service: the menu; 3 leads to not-available",
        };
        let whose = if contract == number { String::new() } else { format!("of {contract}: ") };
        numbers.push((number.to_owned(), whose + explanation));
    }
    let stranger = "refused: it is in no contract: not-available";
    numbers.push((STRANGER.to_owned(), stranger.to_owned()));
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demonstration_number_says_which_are_meant_to_be_refused() {
        let numbers = numbers().unwrap();
        let refused = numbers.iter().filter(|(_, explanation)| explanation.contains("refused"));
        let refused: Vec<&str> = refused.map(|(number, _)| number.as_str()).collect();
        assert_eq!(refused, ["0753211240", STRANGER]);
    }
}
