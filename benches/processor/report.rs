//! The figures for people.

use crate::measure::{DELAY, Figures, MEGABYTES};

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
        println!(
            "\nWall time in ms, over TLS, {} ms for each DynamoDB request:\n",
            DELAY.as_millis()
        );
        let sizes = MEGABYTES.map(|megabytes| format!("{megabytes} MB"));
        println!("| warm request | {} |", sizes.join(" | "));
        println!("| --- |{}", " ---: |".repeat(MEGABYTES.len()));
        for (name, warm) in baselines.chain(ours) {
            let times = warm.milliseconds.values().map(|time| format!("{time:.1}"));
            println!("| {name} | {} |", times.collect::<Vec<_>>().join(" | "));
        }
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
