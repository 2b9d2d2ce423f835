//! Reads a CSV file of contracts (`D1`), and reports every bad row with its line.

use std::io::{self, BufRead};

use csv::{ByteRecord, ReaderBuilder};

use crate::db::import::ImportRow;
use domain::phone_number::PhoneNumber;

const HEADER: [&str; 3] = ["contract_number", "number", "service"];
/// The optional last column.
const CUSTOMER: &str = "customer";
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const MAX_CUSTOMER_CHARACTERS: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line in the file, from 1.
    pub line: u64,
    pub kind: RowErrorKind,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowErrorKind {
    /// The first line is not the header.
    #[error("the header is not contract_number,number,service or the same with ,customer")]
    Header,
    /// Only the header exists.
    #[error("no row follows the header")]
    NoRows,
    /// The numbers of columns in this row and in the header.
    #[error("{0} columns instead of {1}")]
    Columns(usize, usize),
    /// A field is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The named column is not a telephone number.
    #[error("{0} is not a national telephone number of 10 or 11 digits with a leading 0")]
    NotANumber(&'static str),
    /// `service` is neither `yes` nor `no`.
    #[error("service is neither yes nor no")]
    Service,
    /// `customer` is not a valid mark.
    #[error(
        "customer is longer than {MAX_CUSTOMER_CHARACTERS} characters, or has control characters"
    )]
    Customer,
    /// The line of the same contract that has a different mark.
    #[error("customer differs from line {0} of the same contract")]
    TwoCustomers(u64),
    /// The line that already has the number, under the same contract.
    #[error("number is already in line {0}")]
    Duplicate(u64),
    /// The line that already has the number, under a different contract.
    #[error("number is already in line {0} under a different contract")]
    TwoContracts(u64),
    /// The contract number has no row, so nothing says whether it has the service.
    #[error("the file has no row for the contract number")]
    NoOwnRow,
    /// In the database it is the contract number of several numbers.
    #[error(
        "number is the contract number of another contract, whose other numbers would remain \
         without it"
    )]
    WouldOrphanNumbers,
}

/// Parses a file. Each number is unique, and each contract has its own row. The result lists all
/// row errors, in the order of the lines.
///
/// # Errors
/// The file cannot be read.
pub fn parse(mut file: impl BufRead) -> io::Result<Result<Vec<ImportRow>, Vec<RowError>>> {
    let mut rows = FileParser::default();
    let mut line = Vec::new();
    // Fields have no line breaks, and `csv` miscounts lines that end in CR LF.
    for number in 1.. {
        line.clear();
        let is_end = file.read_until(b'\n', &mut line)? == 0;
        match record(&line) {
            header if number == 1 => rows.parse_header(header.as_ref()),
            Some(record) => rows.parse_row(number, &record),
            None if is_end => break,
            None => {}
        }
    }
    Ok(rows.finish())
}

/// The fields of a line, or `None` if it is blank. Setting up a reader takes longer than the rest
/// of a row, and few lines need one.
fn record(line: &[u8]) -> Option<ByteRecord> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_plain =
        !line.starts_with(BYTE_ORDER_MARK) && !line.iter().any(|byte| b"\"\r".contains(byte));
    if is_plain {
        let fields = || line.split(|byte| *byte == b',').collect();
        return (!line.is_empty()).then(fields);
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    reader.byte_records().next()?.ok()
}

#[derive(Default)]
struct FileParser {
    /// Whether the header has the optional column.
    has_customers: bool,
    /// Every row whose numbers are valid, whatever else is wrong with it.
    rows: Vec<ImportRow>,
    errors: Vec<RowError>,
}

impl FileParser {
    fn push_error(&mut self, line: u64, reason: RowErrorKind) {
        self.errors.push(RowError { line, kind: reason });
    }

    fn parse_header(&mut self, header: Option<&ByteRecord>) {
        let is_header = |names: &[&str]| {
            header.is_some_and(|header| header.iter().eq(names.iter().map(|name| name.as_bytes())))
        };
        self.has_customers = is_header(&[&HEADER[..], &[CUSTOMER]].concat());
        if !self.has_customers && !is_header(&HEADER) {
            self.push_error(1, RowErrorKind::Header);
        }
    }

    fn parse_row(&mut self, line: u64, record: &ByteRecord) {
        let fields = record.iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>();
        let Ok(fields) = fields else { return self.push_error(line, RowErrorKind::NotUtf8) };
        let (contract_number, number, service, customer) = match *fields.as_slice() {
            [contract_number, number, service] if !self.has_customers => {
                (contract_number, number, service, "")
            }
            [contract_number, number, service, customer] if self.has_customers => {
                (contract_number, number, service, customer)
            }
            _ => {
                let expected = HEADER.len() + usize::from(self.has_customers);
                return self.push_error(line, RowErrorKind::Columns(fields.len(), expected));
            }
        };
        let contract_number = PhoneNumber::from_typed(contract_number)
            .map_err(|_| self.push_error(line, RowErrorKind::NotANumber("contract_number")));
        let number = PhoneNumber::from_typed(number)
            .map_err(|_| self.push_error(line, RowErrorKind::NotANumber("number")));
        if !matches!(service, "yes" | "no") {
            self.push_error(line, RowErrorKind::Service);
        }
        let is_mark = customer.chars().count() <= MAX_CUSTOMER_CHARACTERS
            && !customer.contains(char::is_control);
        if !is_mark {
            self.push_error(line, RowErrorKind::Customer);
        }
        let (Ok(contract_number), Ok(number)) = (contract_number, number) else { return };
        let customer = Some(customer).filter(|mark| !mark.is_empty()).map(Box::from);
        self.rows.push(ImportRow {
            line,
            contract_number,
            number,
            service: service == "yes",
            customer,
        });
    }

    /// The rows, or the errors of the whole file.
    fn finish(mut self) -> Result<Vec<ImportRow>, Vec<RowError>> {
        if self.rows.is_empty() && self.errors.is_empty() {
            self.push_error(1, RowErrorKind::NoRows);
        }
        let errors = &mut self.errors;
        let mut push_error = |line, kind| errors.push(RowError { line, kind });
        for rows in sorted(&self.rows, |row| row.number).chunk_by(|a, b| a.number == b.number) {
            find_repeated(rows, &mut push_error);
        }
        let by_contract = sorted(&self.rows, |row| row.contract_number);
        for rows in by_contract.chunk_by(|a, b| a.contract_number == b.contract_number) {
            examine_contract(rows, &mut push_error);
        }
        self.errors.sort_by_key(|bad| bad.line);
        if self.errors.is_empty() { Ok(self.rows) } else { Err(self.errors) }
    }
}

/// The rows in the order of a number, and of their lines where that is the same.
fn sorted(rows: &[ImportRow], number: fn(&ImportRow) -> PhoneNumber) -> Vec<&ImportRow> {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by_key(|row| number(row));
    sorted
}

/// Reports all rows of a number except the first.
fn find_repeated(rows: &[&ImportRow], push_error: &mut impl FnMut(u64, RowErrorKind)) {
    let [first, repeated @ ..] = rows else { return };
    for row in repeated {
        let is_same = row.contract_number == first.contract_number;
        let kind = if is_same { RowErrorKind::Duplicate } else { RowErrorKind::TwoContracts };
        push_error(row.line, kind(first.line));
    }
}

/// Reports rows whose mark differs from the contract's first row, and its first row if the contract
/// number has none.
fn examine_contract(rows: &[&ImportRow], push_error: &mut impl FnMut(u64, RowErrorKind)) {
    let [first, others @ ..] = rows else { return };
    if !rows.iter().any(|row| row.number == row.contract_number) {
        push_error(first.line, RowErrorKind::NoOwnRow);
    }
    for row in others.iter().filter(|row| row.customer != first.customer) {
        push_error(row.line, RowErrorKind::TwoCustomers(first.line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(rows: &str) -> Vec<u8> {
        format!("contract_number,number,service\n{rows}").into_bytes()
    }

    fn bad(bytes: &[u8]) -> Vec<(u64, RowErrorKind)> {
        parse(bytes).unwrap().unwrap_err().into_iter().map(|bad| (bad.line, bad.kind)).collect()
    }

    #[test]
    fn d1_a_valid_file_gives_its_rows_with_numbers_in_any_spelling() {
        let mut bytes = b"\xEF\xBB\xBF".to_vec();
        bytes.extend(file("0612345600,06-1234-5600,no\r\n\r\n0612345600,0612345601,yes\r\n"));
        let rows = parse(&*bytes).unwrap().unwrap();
        let rows: Vec<_> =
            rows.iter().map(|row| (row.line, row.number.as_str(), row.service)).collect();
        assert_eq!(rows, [(2, "0612345600", false), (4, "0612345601", true)]);
    }

    #[test]
    fn d1_every_bad_row_is_reported_with_line_and_error() {
        let mut bytes = file(
            "0612345600,0612345600,no
0612345600,612345601,yes
0612345600,0612345602,maybe
0612345600,0612345603
0612345600,0612345604,yes,
x,y,z
0612345600,0612345605,yes
0612345600,0612345605,no
0612345700,0612345605,no
0612345700,0612345701,yes
",
        );
        bytes.extend(b"0612345600,\xFF,yes\n");
        assert_eq!(
            bad(&bytes),
            [
                (3, RowErrorKind::NotANumber("number")),
                (4, RowErrorKind::Service),
                (5, RowErrorKind::Columns(2, 3)),
                (6, RowErrorKind::Columns(4, 3)),
                (7, RowErrorKind::NotANumber("contract_number")),
                (7, RowErrorKind::NotANumber("number")),
                (7, RowErrorKind::Service),
                (9, RowErrorKind::Duplicate(8)),
                (10, RowErrorKind::TwoContracts(8)),
                (10, RowErrorKind::NoOwnRow),
                (12, RowErrorKind::NotUtf8),
            ]
        );
    }

    #[test]
    fn d1_a_file_may_have_a_customer_for_each_contract() {
        let file =
            |rows: &str| format!("contract_number,number,service,customer\n{rows}").into_bytes();
        let rows = "0612345600,0612345600,no,A-1
0612345600,0612345601,yes,A-1
0712345600,0712345600,yes,
";
        let customers: Vec<_> =
            parse(&*file(rows)).unwrap().unwrap().into_iter().map(|row| row.customer).collect();
        assert_eq!(customers, [Some("A-1".into()), Some("A-1".into()), None]);
        let long = "x".repeat(MAX_CUSTOMER_CHARACTERS + 1);
        let rows = format!(
            "0612345600,0612345600,no,A-1
0612345600,0612345601,yes,A-2
0612345600,0612345602,yes,
0612345600,0612345603,yes
0712345600,0712345600,yes,{long}
0812345600,0812345600,yes,a\u{0}b
"
        );
        assert_eq!(
            bad(&file(&rows)),
            [
                (3, RowErrorKind::TwoCustomers(2)),
                (4, RowErrorKind::TwoCustomers(2)),
                (5, RowErrorKind::Columns(3, 4)),
                (6, RowErrorKind::Customer),
                (7, RowErrorKind::Customer),
            ]
        );
    }

    #[test]
    fn d1_a_contracts_own_row_counts_even_with_another_error() {
        let found = bad(&file("0612345600,0612345600,oui\n0612345600,0612345601,yes\n"));
        assert_eq!(found, [(2, RowErrorKind::Service)]);
    }

    #[test]
    fn d1_a_file_without_its_header_or_without_rows_is_refused() {
        assert_eq!(bad(b""), [(1, RowErrorKind::Header)]);
        assert_eq!(bad(b"0612345600,0612345600,no\n"), [(1, RowErrorKind::Header)]);
        assert_eq!(bad(&file("")), [(1, RowErrorKind::NoRows)]);
    }
}
