//! The demonstration contracts, and what a caller from each of their numbers hears.

/// The CSV file of the contracts, in this repository.
pub const CONTRACTS: &str = "sql/demo-contracts.csv";
/// A number of no contract.
const STRANGER: &str = "0612345699";

/// Every number that `make run` gives a telephone, and what a caller from it hears: those of
/// [`CONTRACTS`], and a stranger's.
pub const NUMBERS: [(&str, &str); 9] = [
    ("0612345600", "contract number: the menu; may choose any unit"),
    ("0612345601", "of 0612345600: the menu; the unit in force, any while there is none"),
    ("0612345602", "of 0612345600: without the service: the menu; 3 leads to not-available"),
    ("0612345610", "contract number without the service: the menu; may choose any unit"),
    ("0612345611", "of 0612345610: the menu; the unit in force, any while there is none"),
    ("0612345612", "of 0612345610: the menu; the unit in force, any while there is none"),
    ("0753211230", "contract number: the menu; may choose any unit"),
    ("0753211240", "refused: no number of its contract has the service: not-available"),
    (STRANGER, "refused: it is in no contract: not-available"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demonstration_number_says_what_a_caller_from_it_hears() {
        let table = std::fs::read_to_string(karipass_lab::repository().join(CONTRACTS)).unwrap();
        let numbers = table.lines().skip(1).map(|row| row.split(',').nth(1).unwrap());
        let numbers: Vec<&str> = numbers.chain([STRANGER]).collect();
        assert_eq!(NUMBERS.map(|(number, _)| number), numbers[..]);
    }
}
