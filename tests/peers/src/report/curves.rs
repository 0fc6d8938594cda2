//! The figure of growth: the time of each call by the number of entries, a panel for each call.

use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, PathElement, SVGBackend,
    TRANSPARENT, WHITE,
};
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Ticked};
use super::style::{self, FAINT_INK, GRID, INK};
use crate::growth::points;
use crate::measured::Row;
use crate::unit::{Unit, thousands};

/// The calls that have a panel.
const CALLS: [&str; 4] = ["get", "list", "put", "open and list"];

const WIDTH: u32 = 980;
const PANEL: u32 = 330;
const TITLE: u32 = 34;
/// The width of the names of the lines, and of the ticks before them.
const NAMES: u32 = 140;
const TICKS: u32 = 56;
/// The least distance of two names.
const NAME: i32 = 15;

const DRAWN: &str = "a text in memory takes every shape";

/// Draws the rows of the catalog at all sizes.
pub fn draw(rows: &[Row]) -> String {
    let mut svg = String::new();
    {
        let size = (WIDTH, TITLE + 2 * PANEL);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).expect(DRAWN);
        let title = "Median time of one call by the number of entries, less is better; both axes are logarithmic";
        let style = style::text(13.0, FAINT_INK, HPos::Left);
        root.draw_text(title, &style, (12, 17)).expect(DRAWN);
        let (_, panels) = root.split_vertically(TITLE);
        for (call, panel) in CALLS.into_iter().zip(panels.split_evenly((2, 2))) {
            draw_panel(rows, call, &panel);
        }
    }
    svg
}

fn draw_panel(rows: &[Row], call: &str, panel: &DrawingArea<SVGBackend<'_>, Shift>) {
    let style = style::bold(14.0, INK, HPos::Left);
    panel.draw_text(call, &style, (12, 14)).expect(DRAWN);
    let lines: Vec<Line<'_>> = contenders(rows, call)
        .enumerate()
        .map(|(number, name)| Line {
            number,
            name,
            points: points(rows, call, name),
        })
        .collect();
    let all = || lines.iter().flat_map(|line| &line.points);
    let sizes: Vec<f64> = all().map(|point| point.0).collect();
    let times: Vec<f64> = all().map(|point| point.1).collect();
    if times.is_empty() {
        return;
    }
    let axis = Axis::of_points(Unit::Seconds, &times);
    let (least, most) = (
        sizes.iter().copied().fold(f64::INFINITY, f64::min),
        sizes.iter().copied().fold(0.0, f64::max),
    );
    let ticks = (least.log10().round() as i32)..=(most.log10().round() as i32);
    let mut chart = ChartBuilder::on(panel)
        .margin_top(30)
        .margin_right(NAMES)
        .margin_left(6)
        .margin_bottom(6)
        .x_label_area_size(26)
        .y_label_area_size(TICKS)
        .build_cartesian_2d(
            Ticked {
                range: least.log10() - 0.08..most.log10() + 0.08,
                ticks: ticks.map(f64::from).collect(),
            },
            axis.ticked(),
        )
        .expect(DRAWN);
    let small = style::text(11.0, FAINT_INK, HPos::Center);
    chart
        .configure_mesh()
        .axis_style(GRID)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .x_label_style(small.clone())
        .y_label_style(small)
        .x_label_formatter(&|at| thousands(10_f64.powf(*at).round() as usize))
        .y_label_formatter(&|at| axis.label(*at))
        .draw()
        .expect(DRAWN);

    let placed = |&(entries, time): &(f64, f64)| (entries.log10(), axis.at(time));
    let mut names = Vec::new();
    // Ours is drawn last, above the others.
    for Line {
        number,
        name,
        points,
    } in lines.iter().rev()
    {
        let colour = style::of_line(*number);
        let width = if *number == 0 { 3 } else { 2 };
        let path: Vec<(f64, f64)> = points.iter().map(placed).collect();
        let dots = path
            .iter()
            .map(|at| Circle::new(*at, width + 1, colour.filled()));
        chart.draw_series(dots).expect(DRAWN);
        let end = path.last().map(|at| chart.backend_coord(at));
        let path = PathElement::new(path, colour.stroke_width(width));
        chart.draw_series([path]).expect(DRAWN);
        if let Some((x, y)) = end {
            let (left, top) = panel.get_base_pixel();
            names.push(Name {
                number: *number,
                name,
                x: x - left,
                y: y - top,
                place: y - top,
            });
        }
    }
    spread_out(&mut names);
    let left = (WIDTH / 2 - NAMES) as i32;
    for name in names {
        let colour = style::of_line(name.number);
        let line = [(name.x + 5, name.y), (left + 4, name.place)];
        let line = PathElement::new(line, colour.mix(0.5).stroke_width(1));
        panel.draw(&line).expect(DRAWN);
        let text = if name.number == 0 {
            style::bold
        } else {
            style::text
        };
        let text = text(12.0, colour, HPos::Left);
        panel
            .draw_text(name.name, &text, (left + 7, name.place))
            .expect(DRAWN);
    }
}

/// The contenders of a kind of work, at the size that has most of them; ours comes first.
fn contenders<'r>(rows: &'r [Row], call: &str) -> impl Iterator<Item = &'r str> {
    let of_call = rows.iter().filter(|row| row.work == call);
    // The first of equals, so that all panels agree.
    let most = of_call.reduce(
        |one, other| match other.measured.len() > one.measured.len() {
            true => other,
            false => one,
        },
    );
    let stats = most.map_or(&[][..], |row| &row.measured);
    stats.iter().map(|stat| stat.name.as_str())
}

/// The times of one contender by the number of entries.
struct Line<'n> {
    /// 0 is ours.
    number: usize,
    name: &'n str,
    points: Vec<(f64, f64)>,
}

/// The name of a line, and the end of the line.
struct Name<'n> {
    number: usize,
    name: &'n str,
    x: i32,
    y: i32,
    /// The height at which the name stands.
    place: i32,
}

/// Moves names apart that would overlap.
fn spread_out(names: &mut [Name<'_>]) {
    names.sort_by_key(|name| name.y);
    for _ in 0..100 {
        for at in 1..names.len() {
            let missing = NAME - (names[at].place - names[at - 1].place);
            if missing > 0 {
                names[at - 1].place -= missing / 2;
                names[at].place += missing - missing / 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, draw, spread_out};
    use crate::sample;

    #[test]
    fn equal_rows_give_equal_figures() {
        let rows = &sample::measured().groups[1].rows;
        assert_eq!(draw(rows), draw(rows));
    }

    #[test]
    fn each_line_is_named() {
        let svg = draw(&sample::measured().groups[1].rows);
        let names = svg.lines().filter(|line| *line == "peer 1").count();
        // Of the calls that have panels the sample has two.
        assert_eq!(names, 2, "{svg}");
    }

    #[test]
    fn names_that_would_overlap_are_moved_apart() {
        let mut names = [100, 101, 103, 300].map(|y| Name {
            number: 0,
            name: "",
            x: 0,
            y,
            place: y,
        });
        spread_out(&mut names);
        for pair in names.windows(2) {
            assert!(pair[1].place - pair[0].place >= super::NAME - 1);
        }
        assert_eq!(names[3].place, 300);
    }
}
