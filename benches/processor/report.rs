//! The figures for people.

use crate::measure::{DELAY, Figures, MEGABYTES, Warm};

pub fn print(figures: &Figures) {
    let smallest = figures.baselines.get("smallest").map(|warm| warm.processor_milliseconds);
    let first = figures.warm.iter().find(|(case, _)| *case == crate::case::Case::reference());
    let first = first.map(|(_, warm)| warm.processor_milliseconds);
    let ratio = |milliseconds: f64, to: Option<f64>| {
        to.map_or_else(|| "-".to_owned(), |to| format!("{:.2}", milliseconds / to))
    };
    println!(
        "| warm request | processor ms | over TLS | / one room's first page | / smallest | instructions | DynamoDB requests | KB received | connections ever |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let baselines = figures.baselines.iter().map(|(name, warm)| (name.clone(), warm));
    let ours = figures.warm.iter().map(|(case, warm)| (case.name(), warm));
    let against = figures
        .against
        .iter()
        .map(|(case, warm)| (format!("{}, the other build", case.name()), warm));
    for (name, warm) in baselines.clone().chain(ours.clone()).chain(against) {
        println!(
            "| {name} | {:.3} | {:.3} | {} | {} | {} | {:.0} | {:.1} | {} |",
            warm.processor_milliseconds,
            warm.processor_milliseconds_tls,
            ratio(warm.processor_milliseconds, first),
            ratio(warm.processor_milliseconds, smallest),
            warm.instructions.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            warm.requests,
            warm.kilobytes,
            warm.connections,
        );
    }
    if figures.warm.iter().any(|(_, warm)| !warm.milliseconds.is_empty()) {
        let delay = DELAY.as_millis();
        println!("\nWall time in ms, over TLS, {delay} ms for each DynamoDB request:\n");
        print_by_memory(baselines.clone().chain(ours.clone()), |_, time| format!("{time:.1}"));
        println!("\nLambda's price of a million such requests, x86_64, in dollars:\n");
        print_by_memory(baselines.chain(ours), |megabytes, time| {
            format!("{:.2}", price_of_a_million(megabytes, time))
        });
    }
    println!(
        "\n| cold start | initialisation ms | its processor ms | first request's processor ms | connections it opens | KB received | first request's ms at 256 MB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, cold) in &figures.cold {
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {} | {:.1} | {} |",
            cold.initialisation_milliseconds,
            cold.initialisation_processor_milliseconds,
            cold.first_processor_milliseconds,
            cold.connections,
            cold.kilobytes,
            cold.first_milliseconds_at_256
                .map_or_else(|| "-".to_owned(), |time| format!("{time:.0}")),
        );
    }
}

/// A table with a column for each size of memory.
fn print_by_memory<'a>(
    rows: impl Iterator<Item = (String, &'a Warm)>,
    cell: impl Fn(u64, f64) -> String,
) {
    let sizes = MEGABYTES.map(|megabytes| format!("{megabytes} MB"));
    println!("| warm request | {} |", sizes.join(" | "));
    println!("| --- |{}", " ---: |".repeat(MEGABYTES.len()));
    for (name, warm) in rows {
        let cells = warm.milliseconds.iter().map(|(megabytes, time)| cell(*megabytes, *time));
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// What Lambda charges for a million requests that take so many milliseconds each: every one is
/// rounded up to a whole millisecond.
///
/// Source: AWS Lambda's public prices for us-east-1, as in `docs/use/operations.md`.
fn price_of_a_million(megabytes: u64, milliseconds: f64) -> f64 {
    let gigabyte_seconds = megabytes as f64 / 1024.0 * milliseconds.ceil() / 1000.0;
    0.20 + 1_000_000.0 * gigabyte_seconds * 0.000_016_666_7
}
