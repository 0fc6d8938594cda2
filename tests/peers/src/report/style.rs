//! Colours and texts of the figures.

use plotters::prelude::{Color, FontStyle, IntoFont, RGBColor, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::measured::{Stat, Whose};

pub const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub const FAINT_INK: RGBColor = RGBColor(0x59, 0x63, 0x6e);
pub const GRID: RGBColor = RGBColor(0xe1, 0xe4, 0xe8);
pub const OURS: RGBColor = RGBColor(0x0b, 0x5c, 0xc4);

/// Other values of ours, such as a call that proves nothing.
const ALSO_OURS: RGBColor = RGBColor(0x8a, 0xb8, 0xee);
const PEER: RGBColor = RGBColor(0xa9, 0xaf, 0xb7);
const BOUND: RGBColor = RGBColor(0xdb, 0xde, 0xe3);

/// The lines of peers, which black and white or a colour-blind eye can tell apart with their labels.
const LINES: [RGBColor; 4] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x8a, 0x63),
    RGBColor(0xa8, 0x5a, 0x9a),
    RGBColor(0x73, 0x73, 0x73),
];

/// The colour of the bar of a row.
pub fn of_bar(number: usize, stat: &Stat) -> RGBColor {
    match (number, stat.whose) {
        (0, _) => OURS,
        (_, Whose::Ours) => ALSO_OURS,
        (_, Whose::Peer) => PEER,
        (_, Whose::Bound) => BOUND,
    }
}

/// The colour of a line.
pub fn of_line(number: usize) -> RGBColor {
    match number.checked_sub(1) {
        None => OURS,
        Some(peer) => LINES[peer % LINES.len()],
    }
}

/// A text of a size in pixels, anchored in the middle of its height.
pub fn text(pixels: f64, colour: RGBColor, anchor: HPos) -> TextStyle<'static> {
    sized(pixels, FontStyle::Normal, colour, anchor)
}

/// A bold text of a size in pixels, anchored in the middle of its height.
pub fn bold(pixels: f64, colour: RGBColor, anchor: HPos) -> TextStyle<'static> {
    sized(pixels, FontStyle::Bold, colour, anchor)
}

fn sized(pixels: f64, style: FontStyle, colour: RGBColor, anchor: HPos) -> TextStyle<'static> {
    // The library writes a font size of its size divided by this.
    let font = ("sans-serif", pixels * 1.24, style).into_font();
    TextStyle {
        font,
        color: colour.to_backend_color(),
        pos: Pos::new(anchor, VPos::Center),
    }
}
