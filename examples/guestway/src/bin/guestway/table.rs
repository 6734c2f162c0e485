use std::iter::repeat_n;

use unicode_width::UnicodeWidthStr as _;

/// Rows with aligned columns, each line ended. Nothing in a cell reaches a terminal as a command.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let rows = Vec::from_iter(
        rows.iter().map(|row| Vec::from_iter(row.iter().map(|cell| harmless(cell)))),
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

/// Names hold no control characters; a database that others write to may. Those that turn the direction
/// of writing (Unicode Standard Annex #9) would turn the rest of the line, too.
fn harmless(cell: &str) -> String {
    let turns = |char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    cell.replace(|char: char| char.is_control() || turns(char), "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_aligned_and_nothing_controls_the_terminal() {
        let rows = [["NAME", "N", "X"], ["名前", "1", ""], ["é\u{1b}[\u{202e}J", "22", "y"]];
        let table = aligned(&rows.map(|row| row.map(str::to_owned).to_vec()));
        assert_eq!(table, "NAME   N   X\n名前   1\né\u{fffd}[\u{fffd}J  22  y\n");
    }
}
