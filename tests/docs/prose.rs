//! Prose is wrapped, and its sentences are short.

use std::fs;
use std::path::PathBuf;

use super::{collect, documents, root};

/// The longest sentence, in words. A text in backticks is one word.
const MAX_WORDS: usize = 25;

#[test]
fn prose_is_wrapped_at_100_columns() {
    for document in documents() {
        let mut in_code = false;
        for (index, line) in fs::read_to_string(&document).unwrap().lines().enumerate() {
            in_code ^= line.trim_start().starts_with("```");
            let is_prose = !in_code && !line.starts_with(['|', '<']) && !line.starts_with("![");
            let fits = !is_prose || line.chars().count() <= 100;
            assert!(fits, "{}:{}", document.display(), index + 1);
        }
    }
    for file in code(&["src", "tests"]) {
        for (index, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let fits = !line.trim_start().starts_with("//") || line.chars().count() <= 100;
            assert!(fits, "{}:{}", file.display(), index + 1);
        }
    }
}

#[test]
fn no_sentence_has_more_than_25_words() {
    let mut texts: Vec<(PathBuf, String)> = Vec::new();
    // Words of Japanese have no spaces.
    for file in documents().into_iter().filter(|file| !file.to_string_lossy().ends_with(".ja.md")) {
        texts.push((file.clone(), fs::read_to_string(&file).unwrap()));
    }
    for file in code(&["src"]) {
        texts.push((file.clone(), comments(&fs::read_to_string(&file).unwrap())));
    }
    let mut long = Vec::new();
    for (file, text) in texts {
        for (line, block) in blocks(&text) {
            for sentence in sentences(&block) {
                let words = sentence.split(' ').filter(|word| word.contains(char::is_alphanumeric));
                let count = words.count();
                if count > MAX_WORDS {
                    long.push(format!("{}:{line}: {count} words: {sentence}", file.display()));
                }
            }
        }
    }
    assert!(long.is_empty(), "long sentences:\n{}", long.join("\n"));
}

#[test]
fn a_sentence_ends_at_its_stop_and_with_its_paragraph_item_or_cell() {
    let text = "# A. b\n\nOne `two. three` four\nfive. Six [seven](eight.md) (nine!) `Ten` 1.5.\n\
                - Eleven\n  twelve\n- thirteen? fourteen\n\n```\nno\n```\n| a b | c; d |\n";
    let read: Vec<(usize, Vec<String>)> =
        blocks(text).into_iter().map(|(line, block)| (line, sentences(&block))).collect();
    let expected: [(usize, &[&str]); 6] = [
        (3, &["One `Code` four five.", "Six [seven (nine!)", "`Code` 1.5."]),
        (5, &["Eleven twelve"]),
        (7, &["thirteen? fourteen"]),
        (12, &["a b"]),
        (12, &["c"]),
        (12, &["d"]),
    ];
    let expected = expected.map(|(line, sentences)| {
        (line, sentences.iter().map(|&sentence| sentence.to_owned()).collect())
    });
    assert_eq!(read, expected);
    assert_eq!(comments("fn a() {\n    /// b\n    c // d\n}\n"), "\nb\n\n\n");
}

fn code(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut files);
    }
    files
}

/// The comments with nothing else in their lines, each in its line.
fn comments(code: &str) -> String {
    let mut comments = String::new();
    for line in code.lines().map(str::trim_start) {
        let comment = line.strip_prefix("//").unwrap_or_default();
        comments.push_str(comment.trim_start_matches(['/', '!']).trim());
        comments.push('\n');
    }
    comments
}

/// The paragraphs, the items of lists and the parts of cells, each as one line with the number of
/// its first. Headings, code and pictures are none.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut is_code = false;
    let mut continues = false;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.starts_with("```") {
            is_code = !is_code;
            continues = false;
        } else if is_code || line.is_empty() || line.starts_with(['#', '<']) {
            continues = false;
        } else if line.starts_with('|') {
            let parts = line.split(['|', ';']).map(str::trim).filter(|part| !part.is_empty());
            blocks.extend(parts.map(|part| (number, part.to_owned())));
            continues = false;
        } else if let Some(item) = item(line) {
            blocks.push((number, item.to_owned()));
            continues = true;
        } else if let Some((_, block)) = blocks.last_mut().filter(|_| continues) {
            block.push(' ');
            block.push_str(line);
        } else {
            blocks.push((number, line.to_owned()));
            continues = true;
        }
    }
    blocks
}

/// What follows the mark of an item or a quotation.
fn item(line: &str) -> Option<&str> {
    let (mark, item) = line.split_once(' ')?;
    let number = mark.strip_suffix('.').and_then(|number| number.parse::<u32>().ok());
    (["-", "*", ">"].contains(&mark) || number.is_some()).then_some(item)
}

/// The sentences of a block. Each text in backticks is replaced by one word, and a link loses its
/// target. Any link may begin a sentence.
fn sentences(block: &str) -> Vec<String> {
    let mut text = String::new();
    for (at, part) in block.split('`').enumerate() {
        text.push_str(if at % 2 == 0 { part } else { "`Code`" });
    }
    while let Some((before, after)) = text.split_once("](") {
        let (_, after) = after.split_once(')').unwrap_or_default();
        text = format!("{before}{after}");
    }
    let mut sentences = Vec::new();
    let mut sentence = String::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        sentence.push_str(word);
        let is_end = word.trim_end_matches(MARKS).ends_with(['.', '?', '!']);
        let is_start = |next: &&str| !next.trim_start_matches(MARKS).starts_with(is_lowercase);
        if words.peek().is_none_or(|next| is_end && is_start(next)) {
            sentences.push(std::mem::take(&mut sentence));
        } else {
            sentence.push(' ');
        }
    }
    sentences
}

/// What may surround a word.
const MARKS: [char; 7] = ['"', '\'', '(', ')', '`', '*', '_'];

fn is_lowercase(letter: char) -> bool {
    letter.is_lowercase()
}
