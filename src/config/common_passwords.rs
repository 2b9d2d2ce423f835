//! `site.common_passwords_file`: passwords that are refused as too common (`C5`).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::load::Reader;
use domain::common_passwords::CommonPasswords;

const KEY: &str = "site.common_passwords_file";
/// Some 1.5 million passwords.
const MAX_FILE_MIB: u64 = 16;

/// Why a file is no list of passwords.
#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("larger than {MAX_FILE_MIB} MiB")]
    TooLarge,
    #[error("no line is a password of 8 to 12 letters and digits")]
    Empty,
}

/// The configured list; an empty one if there is none, or after an error, which is recorded.
pub(super) fn read(reader: &mut Reader) -> CommonPasswords {
    let Some(path) = reader.path(KEY) else { return CommonPasswords::default() };
    read_list(&path).unwrap_or_else(|error| {
        reader.error(format!("{KEY}: {}: {error}", path.display()));
        CommonPasswords::default()
    })
}

fn read_list(path: &Path) -> Result<CommonPasswords, ListError> {
    let mut lines = Vec::new();
    let limit = MAX_FILE_MIB * 1024 * 1024;
    let read = File::open(path)?.take(limit + 1).read_to_end(&mut lines)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        return Err(ListError::TooLarge);
    }
    let list = CommonPasswords::from_lines(&lines);
    if list.is_empty() { Err(ListError::Empty) } else { Ok(list) }
}
