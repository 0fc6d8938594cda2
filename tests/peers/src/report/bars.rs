//! A figure of bars: for each row ours, and the peers below it, on one axis.

use plotters::prelude::{
    ChartBuilder, Color, IntoDrawingArea, PathElement, Rectangle, SVGBackend, TRANSPARENT, WHITE,
};
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Scale};
use super::style::{self, FAINT_INK, GRID, INK};
use crate::measured::Row;
use crate::unit::{Unit, thousands};

const WIDTH: u32 = 900;
/// The width of the names, and of the values behind the longest bars.
const NAMES: u32 = 300;
const VALUES: u32 = 90;
const TITLE: u32 = 34;
const TICKS: u32 = 30;
/// The heights of the heading of a row, of a bar with its gap, and of the gap behind a row.
const HEADING: u32 = 26;
const BAR: u32 = 20;
const GAP: u32 = 8;

const DRAWN: &str = "a text in memory takes every shape";

/// Draws rows of one unit.
pub fn draw(rows: &[&Row], unit: Unit) -> String {
    let stats = || rows.iter().flat_map(|row| &row.measured);
    let values: Vec<f64> = stats().flat_map(|stat| [stat.median, stat.worst]).collect();
    let least = stats().map(|stat| stat.best).fold(f64::INFINITY, f64::min);
    let axis = Axis::of_bars(unit, &[values.as_slice(), &[least]].concat());
    let height: u32 = rows.iter().map(|row| height(row)).sum();

    let mut svg = String::new();
    {
        let size = (WIDTH, TITLE + height + TICKS);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).expect(DRAWN);
        let title = style::text(13.0, FAINT_INK, HPos::Left);
        root.draw_text(&heading(unit, axis.scale), &title, (12, 17))
            .expect(DRAWN);
        let mut chart = ChartBuilder::on(&root)
            .margin_top(TITLE)
            .margin_left(NAMES)
            .margin_right(VALUES)
            .x_label_area_size(TICKS)
            .build_cartesian_2d(axis.ticked(), 0.0..f64::from(height))
            .expect(DRAWN);
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .x_label_style(style::text(11.0, FAINT_INK, HPos::Center))
            .x_label_formatter(&|at| axis.label(*at))
            .draw()
            .expect(DRAWN);

        let mut top = 0;
        for row in rows {
            let y = (TITLE + top + HEADING / 2) as i32;
            let style = style::bold(13.0, INK, HPos::Left);
            root.draw_text(&named(row), &style, (12, y)).expect(DRAWN);
            for (number, stat) in row.measured.iter().enumerate() {
                let upper = top + HEADING + BAR * number as u32;
                // Heights count from the bottom.
                let at = |offset: u32| f64::from(height - upper - offset);
                let [begin, end] = [axis.range().start, axis.at(stat.median)];
                let bar = Rectangle::new(
                    [(begin, at(2)), (end, at(BAR - 3))],
                    style::of_bar(number, stat).filled(),
                );
                let middle = f64::midpoint(at(2), at(BAR - 3));
                let spread = [stat.best, stat.worst].map(|value| (axis.at(value), middle));
                let spread = PathElement::new(spread, INK.mix(0.55).stroke_width(1));
                chart.draw_series([bar]).expect(DRAWN);
                chart.draw_series([spread]).expect(DRAWN);

                let y = (TITLE + upper + BAR / 2) as i32;
                let text = match number {
                    0 => style::bold,
                    _ => style::text,
                };
                let name = text(12.0, INK, HPos::Right);
                root.draw_text(&stat.name, &name, (NAMES as i32 - 8, y))
                    .expect(DRAWN);
                // Behind the bar and behind the line of its spread.
                let end = axis.at(stat.median.max(stat.worst));
                let (x, _) = chart.backend_coord(&(end, middle));
                let value = text(12.0, INK, HPos::Left);
                root.draw_text(&unit.show(stat.median), &value, (x + 6, y))
                    .expect(DRAWN);
            }
            top += self::height(row);
        }
    }
    svg
}

fn height(row: &Row) -> u32 {
    HEADING + BAR * row.measured.len() as u32 + GAP
}

fn heading(unit: Unit, scale: Scale) -> String {
    let what = match unit {
        Unit::Seconds => {
            "Median time of one call, less is better; the line shows the best and the worst round"
        }
        Unit::Bytes => "Most memory that the process held, less is better",
    };
    match scale {
        Scale::Linear => what.to_owned(),
        Scale::Log => format!("{what}; logarithmic axis"),
    }
}

fn named(row: &Row) -> String {
    match row.entries {
        Some(entries) => format!("{}, {} entries", row.work, thousands(entries)),
        None => row.work.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::sample;
    use crate::unit::Unit;

    #[test]
    fn equal_rows_give_equal_figures() {
        let row = sample::row("put-here", &[1e-3, 2e-4, 5e-1]);
        assert_eq!(draw(&[&row], Unit::Seconds), draw(&[&row], Unit::Seconds));
    }

    #[test]
    fn names_and_values_are_texts_on_white() {
        let row = sample::row("put-here", &[1e-3, 2e-4]);
        let svg = draw(&[&row], Unit::Seconds);
        for text in ["put here", "FsCatalog", "peer 1", "1.00 ms", "200 µs"] {
            assert!(svg.lines().any(|line| line.trim() == text), "{text}: {svg}");
        }
        assert!(svg.contains("fill=\"#FFFFFF\""), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
