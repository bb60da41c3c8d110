//! The colours, on a light and on a dark background.

/// Name, on light, on dark.
const COLOURS: [(&str, &str, &str); 19] = [
    ("paper", "#ffffff", "#0f141b"),
    ("card", "#f5f7fa", "#171e28"),
    ("ink", "#18212d", "#e4e9f0"),
    ("soft", "#586476", "#9aa7b8"),
    ("rule", "#d8dee7", "#2a3441"),
    ("ours", "#2459d3", "#5b8dff"),
    ("ours2", "#0b8a7f", "#2cc4b4"),
    ("peer", "#a4afbe", "#5f6d80"),
    ("serial", "#d3dae3", "#38434f"),
    ("loss", "#cc2b21", "#ff6b5e"),
    ("win", "#1a8a48", "#42c97a"),
    // Of the lines of a plot.
    ("c0", "#2459d3", "#5b8dff"),
    ("c1", "#d9730d", "#f59e4a"),
    ("c2", "#0b8a7f", "#2cc4b4"),
    ("c3", "#b42a7c", "#ef76bb"),
    ("c4", "#7a5a13", "#d3b04e"),
    ("c5", "#7443c9", "#ab8bf5"),
    ("c6", "#4d7c0f", "#9fd14a"),
    ("c7", "#5b6675", "#a9b4c2"),
];

/// What both the page and the drawing for the README look like.
const SHARED: &str = "
text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}
.mid{text-anchor:middle}.end{text-anchor:end}.strong{font-weight:700}
.tick{font-size:11px;fill:var(--soft)}.value{font-size:11px;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.group{font-weight:700;fill:var(--soft)}
.grid{stroke:var(--rule)}.mark{stroke:var(--soft);stroke-dasharray:4 3}
.stem{stroke:var(--rule);stroke-width:2}.whisker{stroke:var(--ink);stroke-opacity:.75}
rect.ours,circle.ours{fill:var(--ours)}rect.ours2,circle.ours2{fill:var(--ours2)}
rect.peer,circle.peer{fill:var(--peer)}rect.serial,circle.serial{fill:var(--serial)}
rect.loss{fill:var(--loss)}rect.win{fill:var(--win)}rect.close{fill-opacity:.5}
";

/// The rules of [`SHARED`], and the colours that they name.
pub(crate) fn css() -> String {
    let all = |of: fn(&(&str, &str, &str)) -> String| COLOURS.iter().map(of).collect::<String>();
    let light = all(|(name, light, _)| format!("--{name}:{light};"));
    let dark = all(|(name, _, dark)| format!("--{name}:{dark};"));
    format!(
        "\n:root{{color-scheme:light dark;{light}}}\n\
         @media(prefers-color-scheme:dark){{:root{{{dark}}}}}{SHARED}"
    )
}
