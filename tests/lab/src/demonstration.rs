//! The demonstration contracts, and what a caller from each of their numbers hears.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::repository;

/// A number of no contract, to hear `not-available` with.
const STRANGER: &str = "0612345699";

/// A number that `make run` gives a telephone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoNumber {
    /// The number, national digits.
    pub number: String,
    /// Its part in its contract.
    pub role: Role,
}

/// A demonstration number's part in its contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The contract number.
    Contract {
        /// Whether it has the settings service itself.
        has_service: bool,
    },
    /// An additional number.
    Additional {
        /// The contract number.
        contract: String,
        /// Whether it has the settings service itself.
        has_service: bool,
    },
    /// In a contract without any service number (`P2`).
    WithoutService,
    /// In no contract (`P2`).
    Stranger,
}

impl DemoNumber {
    /// Who this is and what the line says to a caller from it, for people.
    pub fn explanation(&self) -> String {
        match &self.role {
            Role::Contract { has_service: true } => {
                "contract number: the menu; may choose any unit".to_owned()
            }
            Role::Contract { has_service: false } => {
                "contract number without the service: the menu; may choose any unit".to_owned()
            }
            Role::Additional { contract, has_service: true } => format!(
                "additional number of {contract}: the menu; the unit in force, any while there is none"
            ),
            Role::Additional { contract, has_service: false } => format!(
                "additional number of {contract} without the service: the menu; 3 leads to not-available"
            ),
            Role::WithoutService => {
                "refused: no number of its contract has the service: not-available".to_owned()
            }
            Role::Stranger => "refused: it is in no contract: not-available".to_owned(),
        }
    }
}

/// The CSV file of the demonstration contracts.
pub fn contracts() -> PathBuf {
    repository().join("sql/demo-contracts.csv")
}

/// Every demonstration number in the order of the file, and one of no contract.
///
/// # Errors
/// If the file cannot be read or a row has fewer than three fields.
pub fn numbers() -> Result<Vec<DemoNumber>> {
    let table = fs::read_to_string(contracts())?;
    let rows = table.lines().skip(1).map(fields).collect::<Result<Vec<_>>>()?;
    let mut numbers: Vec<DemoNumber> = rows
        .iter()
        .map(|[contract, number, service]| {
            let has_service = *service == "yes";
            let role = if !rows.iter().any(|row| row[0] == *contract && row[2] == "yes") {
                Role::WithoutService
            } else if contract == number {
                Role::Contract { has_service }
            } else {
                Role::Additional { contract: (*contract).to_owned(), has_service }
            };
            DemoNumber { number: (*number).to_owned(), role }
        })
        .collect();
    numbers.push(DemoNumber { number: STRANGER.to_owned(), role: Role::Stranger });
    Ok(numbers)
}

/// The first three fields of a row.
fn fields(row: &str) -> Result<[&str; 3]> {
    let mut fields = row.split(',');
    let mut next = || fields.next().with_context(|| format!("{row:?} has too few fields"));
    Ok([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demonstration_number_says_who_it_is_and_which_are_meant_to_be_refused() {
        let numbers = numbers().unwrap();
        let refused: Vec<&str> = numbers
            .iter()
            .filter(|number| number.explanation().starts_with("refused"))
            .map(|number| number.number.as_str())
            .collect();
        assert_eq!(refused, ["0753211240", STRANGER]);
        let additional = Role::Additional { contract: "0612345600".to_owned(), has_service: false };
        assert!(numbers.iter().any(|n| n.number == "0612345602" && n.role == additional));
        let administrator = Role::Contract { has_service: false };
        assert!(numbers.iter().any(|n| n.number == "0612345610" && n.role == administrator));
    }
}
