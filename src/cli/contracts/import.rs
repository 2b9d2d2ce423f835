//! `karipass contracts import` (`D1`).

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context as _;

use super::csv::{self, RowErrorKind};
use super::progress::ProgressLine;
use crate::cli::output::{ExitStatus, Printer, print_error};
use crate::db::Db;
use crate::db::import::{Import, ImportProgress, ImportRow};

pub(super) async fn run(
    db: &Db,
    path: &Path,
    replace: bool,
    by: &str,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    let rows = match read(path).with_context(|| format!("reading {}", path.display()))? {
        Ok(rows) => rows,
        Err(errors) => {
            return Ok(print_row_errors(
                path,
                errors.iter().map(|error| (error.line, &error.kind)),
            ));
        }
    };
    let progress = ProgressLine::to(rows.len() as u64, "sending");
    let imported = db.import(&rows, replace, by, |stage| match stage {
        ImportProgress::Sent => progress.add(1),
        ImportProgress::Comparing => progress.wait("comparing"),
        ImportProgress::Applying => progress.wait("applying"),
    });
    let imported = imported.await?;
    drop(progress);
    match imported {
        Import::WouldOrphanNumbers(lines) => Ok(print_row_errors(
            path,
            lines.into_iter().map(|line| (line, &RowErrorKind::WouldOrphanNumbers)),
        )),
        Import::Loaded(counts) => {
            let others = match counts.other_customers {
                0 => String::new(),
                others => format!("; contracts with another customer: {others}"),
            };
            let text = format!(
                "{} numbers added, {} changed, {} unchanged, {} removed{others}",
                counts.added, counts.changed, counts.unchanged, counts.removed
            );
            output.print(&counts, &text)?;
            Ok(ExitStatus::Success)
        }
    }
}

fn read(path: &Path) -> std::io::Result<Result<Vec<ImportRow>, Vec<csv::RowError>>> {
    let file = File::open(path)?;
    let progress = ProgressLine::to(file.metadata()?.len(), "reading");
    csv::parse(BufReader::new(progress.wrap_reader(file)))
}

fn print_row_errors<'a>(
    path: &Path,
    errors: impl Iterator<Item = (u64, &'a RowErrorKind)>,
) -> ExitStatus {
    for (line, reason) in errors {
        print_error(&format!("{}:{line}: {reason}", path.display()));
    }
    print_error("nothing was imported");
    ExitStatus::Failure
}
