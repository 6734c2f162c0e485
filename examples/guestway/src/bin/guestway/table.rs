use std::iter::repeat_n;

use unicode_width::UnicodeWidthStr as _;

/// Formats rows with aligned columns, one per line. Cells cannot send control sequences to a terminal.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let rows = Vec::from_iter(
        rows.iter().map(|row| Vec::from_iter(row.iter().map(|cell| sanitized(cell)))),
    );
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.width())).max();
    let widths = Vec::from_iter((0..columns).map(|column| width(column).unwrap_or(0)));
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let padded = row.iter().zip(widths).map(|(cell, width)| {
        let spaces = width.saturating_sub(cell.width());
        cell.chars().chain(repeat_n(' ', spaces)).collect::<String>()
    });
    let mut line = Vec::from_iter(padded).join("  ");
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// Replaces control characters, which a database may contain if other programs write to it, and
/// characters that change the direction of the rest of the line (Unicode Standard Annex #9).
fn sanitized(cell: &str) -> String {
    let is_bidirectional = |char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    cell.replace(|char: char| char.is_control() || is_bidirectional(char), "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_aligned_and_control_characters_replaced() {
        let rows = [["NAME", "N", "X"], ["名前", "1", ""], ["é\u{1b}[\u{202e}J", "22", "y"]];
        let table = aligned(&rows.map(|row| row.map(str::to_owned).to_vec()));
        assert_eq!(table, "NAME   N   X\n名前   1\né\u{fffd}[\u{fffd}J  22  y\n");
    }
}
