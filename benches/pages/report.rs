//! The results: tables, goals and a picture.

use std::path::Path;

use crate::measure::{Cost, Measured, SESSIONS};

/// A bound that the project set itself. Figures are counted and compared as they are.
struct Goal {
    what: String,
    bound: f64,
    is_lower_bound: bool,
    measured: f64,
}

pub fn print_heading() {
    println!(
        "| history | order | requests | round trips | again | read units | again | everything: read units | floor |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
}

/// Prints the least and the most that pages of a history cost.
pub fn print_rows(history: &Measured) {
    for order in ["DESC", "ASC"] {
        let range = |figure: fn(&Cost) -> f64, digits| {
            let figures = history.pages.iter().filter(|cost| cost.order == order).map(figure);
            let (low, high) = figures.fold((f64::MAX, 0.0_f64), |(low, high), figure| {
                (low.min(figure), high.max(figure))
            });
            if low == high {
                format!("{low:.digits$}")
            } else {
                format!("{low:.digits$} to {high:.digits$}")
            }
        };
        let everything = history.everything.map_or("-".to_owned(), |units| format!("{units:.1}"));
        println!(
            "| {} | {order} | {} | {} | {} | {} | {} | {everything} | {:.1} |",
            history.history,
            range(|cost| cost.requests as f64, 0),
            range(|cost| cost.round_trips as f64, 0),
            range(|cost| cost.again_round_trips as f64, 0),
            range(|cost| cost.read_units, 1),
            range(|cost| cost.again_read_units, 1),
            history.floor,
        );
    }
}

/// Prints the times of pages of all rooms.
pub fn print_times(measured: &[Measured]) {
    println!("\n| history | from | ms over HTTP on loopback |\n| --- | ---: | ---: |");
    for history in measured {
        for (from, milliseconds) in &history.milliseconds {
            println!("| {} | {from} | {milliseconds:.2} |", history.history);
        }
    }
}

/// Compares with the goals. Returns whether all are reached.
pub fn print_goals(measured: &[Measured]) -> bool {
    println!("\n| goal | bound | measured | |\n| --- | ---: | ---: | --- |");
    let mut all = true;
    for Goal { what, bound, is_lower_bound, measured } in measured.iter().flat_map(goals) {
        let (sign, reached) =
            if is_lower_bound { (">=", measured >= bound) } else { ("<=", measured <= bound) };
        all &= reached;
        let word = if reached { "reached" } else { "MISSED" };
        println!("| {what} | {sign} {bound} | {measured:.1} | {word} |");
    }
    all
}

fn goals(history: &Measured) -> Vec<Goal> {
    let most = |figure: fn(&Cost) -> f64| history.pages.iter().map(figure).fold(0.0, f64::max);
    let newest = |from: usize| {
        let newest = history.pages.iter().find(|cost| cost.order == "DESC" && cost.from == from);
        newest.map_or([f64::NAN; 2], |cost| [cost.round_trips as f64, cost.read_units])
    };
    let trips = most(|cost| cost.round_trips as f64);
    let units = most(|cost| cost.read_units);
    let ([front_trips, front_units], [_, second_units]) = (newest(0), newest(20));
    let front = [("round trips, front", 1.0, front_trips), ("read units, front", 1.5, front_units)];
    let mut bounds = match (history.busiest, history.rooms) {
        (Some(busiest), _) => {
            let bound = if busiest <= 1500 { 4.0 } else { 7.0 };
            let again_trips = most(|cost| cost.again_round_trips as f64);
            let again_units = most(|cost| cost.again_read_units);
            vec![
                ("round trips", 4.0, trips),
                ("read units", bound, units),
                ("round trips, again or next", 3.0, again_trips),
                ("read units, again or next", bound, again_units),
            ]
        }
        (None, 1) => vec![("round trips", 3.0, trips), ("read units", 3.0, units)],
        (None, 2..=10) => vec![("round trips", 3.0, trips), ("read units", 20.0, units)],
        (None, _) => vec![("round trips", 4.0, trips), ("read units", 150.0, units)],
    };
    if history.rooms == 1 {
        bounds.extend(front);
    }
    let at_most = |(what, bound, measured)| Goal {
        what: format!("{}: {what}", history.history),
        bound,
        is_lower_bound: false,
        measured,
    };
    let mut goals: Vec<Goal> = bounds.into_iter().map(at_most).collect();
    if let (1, Some(everything)) = (history.rooms, history.everything) {
        let deep = newest(SESSIONS - SESSIONS / 100)[1];
        goals.push(at_most(("read units, from = 99000 / 20", 3.0, deep / second_units)));
        goals.push(Goal {
            bound: 2000.0,
            is_lower_bound: true,
            ..at_most(("read units of everything / from = 99000", 0.0, everything / deep))
        });
    }
    goals
}

/// Edges of the picture's plot, in pixels.
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;
const RIGHT: f64 = 740.0;
const BOTTOM: f64 = 340.0;

/// Draws read units over `from` for one history, newest first, both axes logarithmic.
pub fn draw(history: &Measured, path: &Path) -> std::io::Result<()> {
    // From 10 to 100 000 sessions, and from 0.5 to 10 000 units.
    let x = |from: f64| LEFT + (from.log10() - 1.0) / 4.0 * (RIGHT - LEFT);
    let y = |units: f64| BOTTOM - (units / 0.5).log10() / 20_000f64.log10() * (BOTTOM - TOP);
    let mut picture = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 400" font-family="sans-serif" font-size="13">
<rect width="760" height="400" fill="white"/>
<text x="380" y="28" font-size="18" text-anchor="middle">Read units of a page of 20, one room of 100 000 sessions</text>
<text x="405" y="388" text-anchor="middle">from (sessions skipped)</text>
<text transform="translate(20 195) rotate(-90)" text-anchor="middle">read units</text>
"#
        .to_owned();
    let mut draw = |element: String| picture.push_str(&(element + "\n"));
    for from in [10, 100, 1000, 10_000, 100_000] {
        let x = x(f64::from(from));
        draw(format!(r##"<path d="M{x:.0} {TOP}V{BOTTOM}" stroke="#ddd"/>"##));
        draw(format!(r#"<text x="{x:.0}" y="360" text-anchor="middle">{from}</text>"#));
    }
    for units in [1, 10, 100, 1000, 10_000] {
        let y = y(f64::from(units));
        draw(format!(r##"<path d="M{LEFT} {y:.0}H{RIGHT}" stroke="#ddd"/>"##));
        draw(format!(r#"<text x="62" y="{:.0}" text-anchor="end">{units}</text>"#, y + 4.0));
    }
    let mut pages: Vec<&Cost> = history.pages.iter().collect();
    pages.retain(|cost| cost.order == "DESC" && cost.from > 0);
    pages.sort_by_key(|cost| cost.from);
    let everything = history.everything.unwrap_or(f64::NAN);
    let ours: fn(&Cost) -> f64 = |cost| cost.read_units;
    for (label, color, units) in [
        ("reading everything", "red", &(|_: &Cost| everything) as &dyn Fn(&Cost) -> f64),
        ("past-rooms", "blue", &ours),
        ("the least possible", "green", &|_| history.floor),
    ] {
        let points = pages.iter().map(|cost| (x(cost.from as f64), y(units(cost))));
        let points: Vec<String> = points.map(|(x, y)| format!("{x:.0},{y:.0}")).collect();
        let points = points.join(" ");
        draw(format!(
            r#"<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>"#
        ));
        let label_y = pages.first().map_or(TOP, |cost| y(units(cost))) - 8.0;
        draw(format!(r#"<text x="100" y="{label_y:.0}" fill="{color}">{label}</text>"#));
    }
    draw("</svg>".to_owned());
    std::fs::write(path, picture)
}
