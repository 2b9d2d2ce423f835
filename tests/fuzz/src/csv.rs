//! Files of contracts (`D1`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use karipass::cli::contracts::csv::{self, RowErrorKind};
use karipass::db::import::ImportRow;

/// Reads a file: either whole, with each number once and each contract with its own row, or every
/// bad row is named.
pub fn run(bytes: &[u8]) {
    match csv::parse(bytes).unwrap() {
        Ok(rows) => good(&rows),
        Err(bad) => {
            let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
            assert!(!bad.is_empty());
            assert!(bad.is_sorted_by_key(|bad| bad.line));
            assert!(bad.iter().all(|bad| (1..=lines).contains(&bad.line)));
            assert!(bad.iter().all(|bad| earlier(&bad.kind).is_none_or(|line| line < bad.line)));
            assert!(bad.iter().all(|bad| bad.kind.to_string().len() < 200));
        }
    }
}

fn good(rows: &[ImportRow]) {
    let numbers: BTreeSet<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers.len(), rows.len(), "each number once");
    assert!(!rows.is_empty() && rows.is_sorted_by_key(|row| row.line));
    for row in rows {
        let own = rows.iter().find(|own| own.number == row.contract_number);
        assert!(
            own.is_some_and(|own| own.contract_number == own.number),
            "each contract has its own row"
        );
    }
    for row in rows {
        let of_contract = rows.iter().filter(|other| other.contract_number == row.contract_number);
        assert!(of_contract.map(|other| &other.customer).all(|customer| *customer == row.customer));
    }
    let mut written = String::from("contract_number,number,service,customer\n");
    for row in rows {
        let (contract, number) = (row.contract_number.as_str(), row.number.as_str());
        let service = if row.service { "yes" } else { "no" };
        let customer = row.customer.as_deref().unwrap_or_default().replace('"', "\"\"");
        writeln!(written, "{contract},{number},{service},\"{customer}\"").unwrap();
    }
    let again = csv::parse(written.as_bytes()).unwrap().unwrap();
    let fields =
        |row: &ImportRow| (row.contract_number, row.number, row.service, row.customer.clone());
    assert!(
        again.iter().map(fields).eq(rows.iter().map(fields)),
        "written out it is the same file"
    );
}

fn earlier(reason: &RowErrorKind) -> Option<u64> {
    match reason {
        RowErrorKind::Duplicate(line)
        | RowErrorKind::TwoContracts(line)
        | RowErrorKind::TwoCustomers(line) => Some(*line),
        RowErrorKind::Header
        | RowErrorKind::NoRows
        | RowErrorKind::Columns(..)
        | RowErrorKind::Customer
        | RowErrorKind::NotUtf8
        | RowErrorKind::NotANumber(_)
        | RowErrorKind::Service
        | RowErrorKind::NoOwnRow
        | RowErrorKind::WouldOrphanNumbers => None,
    }
}
