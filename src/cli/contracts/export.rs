//! `karipass contracts export` (`D1`).

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write as _};

use super::progress::ProgressLine;
use crate::cli::output::ExitStatus;
use crate::db::Db;

/// Writes the file. A reader that goes away ends it.
pub(super) async fn run(db: &Db) -> anyhow::Result<ExitStatus> {
    let mut out = BufWriter::new(io::stdout().lock());
    let progress = (!io::stdout().is_terminal()).then(|| ProgressLine::for_bytes("writing"));
    let written = db.export(|piece| {
        if let Some(progress) = &progress {
            progress.add(piece.len());
        }
        out.write_all(piece)
    });
    match written.await?.and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitStatus::Success),
    }
}
