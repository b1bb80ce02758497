//! The results: a table for people, a file for programs, a picture, and how they stand against the goals.

use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::measure::{Cost, Reader};

/// A bound that the project set itself.
struct Goal {
    what: &'static str,
    bound: f64,
    at_least: bool,
    measured: f64,
}

pub fn print_table(costs: &[Cost]) {
    println!(
        "\n| history | order | from | requests | in sequence | and again | read units | KB | usual: in sequence | usual: read units | usual: KB | floor: read units |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for [ours, usual, floor] in costs.as_chunks().0 {
        println!(
            "| {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.0} | {:.1} | {:.1} | {:.0} | {:.1} |",
            ours.scenario,
            ours.order,
            ours.from,
            ours.requests,
            ours.sequential,
            ours.sequential_again,
            ours.read_units,
            ours.peak_kilobytes,
            usual.sequential,
            usual.read_units,
            usual.peak_kilobytes,
            floor.read_units,
        );
    }
}

/// Compares with the goals; says whether all are reached.
pub fn print_goals(costs: &[Cost]) -> bool {
    let ours = |rooms: usize| {
        costs.iter().filter(move |cost| cost.reader == Reader::Tallies && cost.rooms == rooms)
    };
    let worst = |rooms, figure: fn(&Cost) -> f64| ours(rooms).map(figure).fold(0.0, f64::max);
    let one = |reader, from, figure: fn(&Cost) -> f64| {
        costs
            .iter()
            .find(|cost| {
                cost.rooms == 1
                    && cost.order == "DESC"
                    && cost.reader == reader
                    && cost.from == from
            })
            .map_or(f64::NAN, figure)
    };
    // A measured time has the noise of the machine in it; no page takes more than its requests.
    let sequential = |cost: &Cost| cost.sequential.round().min(cost.requests as f64);
    let units = |cost: &Cost| cost.read_units;
    let milliseconds = |cost: &Cost| cost.milliseconds_again;
    let at_most = |what, bound, measured| Goal { what, bound, at_least: false, measured };
    let goals = [
        at_most(
            "one room, first page, DESC: requests in sequence",
            1.0,
            one(Reader::Tallies, 0, sequential),
        ),
        at_most("one room, first page, DESC: read units", 1.5, one(Reader::Tallies, 0, units)),
        at_most("one room, any page: requests in sequence", 3.0, worst(1, sequential)),
        at_most("one room, any page: read units", 3.0, worst(1, units)),
        at_most("10 rooms, any page: requests in sequence", 3.0, worst(10, sequential)),
        at_most("10 rooms, any page: read units", 20.0, worst(10, units)),
        at_most("100 rooms, any page: requests in sequence", 4.0, worst(100, sequential)),
        at_most("100 rooms, any page: read units", 150.0, worst(100, units)),
        at_most(
            "one room read before, from=99000 / from=20: milliseconds at 20 ms a request",
            3.0,
            one(Reader::Tallies, 99_000, milliseconds) / one(Reader::Tallies, 20, milliseconds),
        ),
        at_most(
            "one room, from=99000 / from=20: read units",
            3.0,
            one(Reader::Tallies, 99_000, units) / one(Reader::Tallies, 20, units),
        ),
        Goal {
            what: "one room, from=99000: read units of the usual way / ours",
            bound: 2000.0,
            at_least: true,
            measured: one(Reader::Usual, 99_000, units) / one(Reader::Tallies, 99_000, units),
        },
    ];
    println!("\n| goal | bound | measured | |\n| --- | ---: | ---: | --- |");
    let mut all = true;
    for goal in goals {
        let reached =
            if goal.at_least { goal.measured >= goal.bound } else { goal.measured <= goal.bound };
        all &= reached;
        let sign = if goal.at_least { ">=" } else { "<=" };
        let word = if reached { "reached" } else { "MISSED" };
        println!("| {} | {sign} {} | {:.1} | {word} |", goal.what, goal.bound, goal.measured);
    }
    all
}

pub fn write_file(costs: &[Cost], path: &Path) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(path, serde_json::to_string_pretty(costs)? + "\n")?)
}

/// Read units over `from`, one room, both readers and the floor, both axes logarithmic.
pub fn draw(costs: &[Cost], path: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, (760, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Read units of a page of 20, one room of 100 000 sessions", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((10f64..110_000f64).log_scale(), (0.5f64..10_000f64).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("from (sessions skipped)")
        .y_desc("read units")
        .x_label_formatter(&|from| format!("{from:.0}"))
        .y_label_formatter(&|units| format!("{units}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (reader, label, color) in [
        (Reader::Usual, "count and walk (usual)", RED),
        (Reader::Tallies, "past-rooms", BLUE),
        (Reader::Floor, "the least possible", GREEN),
    ] {
        let points: Vec<(f64, f64)> = costs
            .iter()
            .filter(|cost| {
                cost.reader == reader
                    && cost.scenario == "1 room of 100 000"
                    && cost.order == "DESC"
                    && cost.from > 0
            })
            .map(|cost| (cost.from as f64, cost.read_units))
            .collect();
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .label_font(("sans-serif", 14))
        .draw()?;
    area.present()?;
    Ok(())
}
