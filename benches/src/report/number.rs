//! Numbers as people read them.

/// To three or four significant digits.
pub(crate) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    grouped(&format!("{value:.decimals$}"))
}

/// A count with its thousands separated.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A number of workers.
pub(crate) fn in_words(workers: usize) -> String {
    if workers == 1 { "1 worker".into() } else { format!("{workers} workers") }
}

/// As short as it can be said: the tick of an axis.
pub(crate) fn tick(value: f64) -> String {
    let (value, suffix) = match value.abs() {
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    // Multiples of a step such as 0.1 are not quite what they are called.
    let text = format!("{value:.6}");
    format!("{}{suffix}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (index, c) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(c);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_follows_size() {
        let shown = [0.123456, 1.23456, 12.3456, 123.456, 1_234.56].map(digits);
        assert_eq!(shown, ["0.123", "1.23", "12.3", "123", "1,235"]);
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([999, 1_000, 63_245_985].map(count), ["999", "1,000", "63,245,985"]);
        assert_eq!(digits(-123_456.0), "-123,456");
    }

    #[test]
    fn ticks_are_short() {
        let shown = [0.0, 0.1 + 0.2, 0.001, 64.0, 1_000.0, 20_000.0, 2.5e6, 1e9].map(tick);
        assert_eq!(shown, ["0", "0.3", "0.001", "64", "1000", "20k", "2.5M", "1G"]);
    }
}
