// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Horizontal bars as SVG: one for each broker, from zero, the whisker from the lowest to the highest turn.

use std::fmt::Write;

use super::digits;
use crate::results::Spread;

/// One bar.
pub struct Bar<'a> {
    pub name: &'a str,
    /// The class by which the page colours it.
    pub class: &'static str,
    pub spread: Option<Spread>,
    /// What is added to the number.
    pub mark: &'static str,
}

/// Bars below each other. What is longer than [`LONGEST`] times the shortest is cut off and ends in a notch.
pub fn bars(bars: &[Bar]) -> String {
    let medians = bars.iter().filter_map(|bar| Some(bar.spread?.median));
    // Beside nothing at all every other bar would be cut.
    let medians = medians.filter(|median| *median > 0.0);
    let (shortest, longest) = medians.fold((f64::MAX, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let end = longest.min(shortest * LONGEST).max(f64::MIN_POSITIVE);
    let scale = |value: f64| (value / end).min(1.0) * WIDTH;
    let height = bars.len() * LINE + 4;
    let whole = NAMES + WIDTH + NUMBERS;
    let mut svg = format!("<svg viewBox=\"0 0 {whole} {height}\" role=\"img\">\n");
    for (line, bar) in bars.iter().enumerate() {
        let top = line * LINE + 3;
        let base = top + 11;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{base}\">{}</text>",
            NAMES - 6.0,
            escaped(bar.name)
        );
        match bar.spread {
            Some(spread) => draw(&mut svg, bar, spread, top, end, &scale),
            None => {
                let _ = writeln!(
                    svg,
                    "<text class=\"none\" x=\"{NAMES}\" y=\"{base}\">no figure</text>"
                );
            }
        }
    }
    svg + "</svg>\n"
}

fn draw(
    svg: &mut String,
    bar: &Bar,
    spread: Spread,
    top: usize,
    end: f64,
    scale: &dyn Fn(f64) -> f64,
) {
    let width = scale(spread.median).max(1.0);
    let (left, right) = (NAMES + scale(spread.lowest), NAMES + scale(spread.highest));
    let (middle, base) = (top + 7, top + 11);
    let is_cut = spread.median > end * 1.001;
    let class = bar.class;
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{width:.1}\" height=\"14\" rx=\"2\"/>"
    );
    if is_cut {
        let notch = NAMES + WIDTH - 14.0;
        let _ = writeln!(
            svg,
            "<path class=\"notch\" d=\"M{notch} {}l5 -18h5l-5 18z\"/>",
            top + 16
        );
    } else if spread.highest > spread.lowest {
        let _ = writeln!(
            svg,
            "<path class=\"whisker\" d=\"M{left:.1} {middle}H{right:.1}\"/>"
        );
    }
    let after = (NAMES + width).max(if is_cut { 0.0 } else { right }) + 5.0;
    let _ = writeln!(
        svg,
        "<text class=\"value\" x=\"{after:.1}\" y=\"{base}\">{}{}</text>",
        digits(spread.median),
        bar.mark
    );
}

/// Text between tags.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Widths of names, bars and numbers, and the height of a line, in pixels.
const NAMES: f64 = 118.0;
const WIDTH: f64 = 210.0;
const NUMBERS: f64 = 72.0;
const LINE: usize = 19;
/// How many times the shortest bar a bar may be long.
const LONGEST: f64 = 12.0;
