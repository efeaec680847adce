//! The matrix for people.

use std::collections::{BTreeMap, BTreeSet};

use mpws_model::result::Summary;

use super::table::{Behaviour, Deviation, Field, NotGreen, Row, SupportMatrix};
use crate::markdown::{code, escape};
use crate::words;

/// The whole page.
pub fn render(matrix: &SupportMatrix) -> String {
    let mut page = String::from(HEAD);
    runs(matrix, &mut page);
    glance(matrix, &mut page);
    behaviours(&matrix.behaviours, &mut page);
    deviations(&matrix.deviations, &mut page);
    evidence(matrix, &mut page);
    page
}

const HEAD: &str = "# Support matrix\n\n\
    Made by `mpws matrix` from the results of real runs; `support-matrix.json` beside it is the same for machines. Do not edit it: run\n\n\
    ```sh\nmpws run --matrix websockets --out results\nmpws matrix results/result.json --out docs\n```\n";

fn runs(matrix: &SupportMatrix, page: &mut String) {
    page.push_str("\n## Where it was measured\n\n");
    page.push_str("| began | mpws | kernel | machine | user | cells | took |\n|---|---|---|---|---|---|---|\n");
    for run in &matrix.runs {
        page.push_str(&format!(
            "| {} | {} | {} | {}, {} | {} | {}, profile {}{} | {} |\n",
            escape(&run.started_at),
            escape(&run.tool.version),
            escape(&run.kernel),
            escape(&run.architecture),
            words::number_of(run.processors, "processor"),
            if run.root { "root" } else { "ordinary" },
            run.planned,
            run.profile.word(),
            selectors(&run.selectors),
            match run.taken_over {
                0 => words::duration(run.duration_ms),
                cells => format!(
                    "{}, after {cells} cells of a run that was stopped",
                    words::duration(run.duration_ms)
                ),
            },
        ));
    }
    let left_out: BTreeSet<String> = matrix
        .runs
        .iter()
        .flat_map(|run| words::left_out(&run.left_out))
        .collect();
    for line in left_out {
        page.push_str(&format!("\nNot there: {}.\n", escape(&line)));
    }
    if !matrix.unknown_launchers.is_empty() {
        page.push_str(&format!(
            "\n**Unknown**: no result tells what happens with the launcher {}.\n",
            matrix.unknown_launchers.join(", ")
        ));
    }
}

fn selectors(selectors: &[String]) -> String {
    if selectors.is_empty() {
        return String::new();
    }
    let selectors: Vec<String> = selectors.iter().map(|one| code(one)).collect();
    format!(", only {}", selectors.join(" "))
}

fn glance(matrix: &SupportMatrix, page: &mut String) {
    let places = places(matrix);
    page.push_str("\n## At a glance\n\n| place | launcher | runtime | C library | kernel |\n|---|---|---|---|---|\n");
    for (number, place) in places.iter().enumerate() {
        page.push_str(&format!("| {} |", place_name(number)));
        for fact in place {
            page.push_str(&format!(" {} |", escape(fact)));
        }
        page.push('\n');
    }
    page.push_str(
        "\nA field tells the number of cells that are green and, after a `+`, of those with a known deviation; anything else is \
         red and stands in words. A cell counts for both of its peers. Each field leads to its evidence.\n\n\
         | version | implementation | place |",
    );
    for family in &matrix.families {
        page.push_str(&format!(" {} |", escape(family)));
    }
    page.push_str("\n|---|---|---|");
    page.push_str(&"---|".repeat(matrix.families.len()));
    page.push('\n');
    for (row, anchor) in matrix.rows.iter().zip(anchors(&matrix.rows)) {
        let place = places.iter().position(|one| *one == place(row));
        page.push_str(&format!(
            "| {} {} | {} | {} |",
            escape(&row.library),
            escape(&row.version),
            escape(&row.implementation),
            place.map(place_name).unwrap_or_default(),
        ));
        for family in &matrix.families {
            let field = row.families.get(family);
            let field = field.map_or_else(
                || "unknown".to_owned(),
                |field| format!("[{}](#{anchor})", short(&field.summary)),
            );
            page.push_str(&format!(" {field} |"));
        }
        page.push('\n');
    }
}

/// Where a row was measured.
fn place(row: &Row) -> [String; 4] {
    let fact = String::clone;
    [
        row.launched(),
        fact(&row.runtime),
        fact(&row.libc),
        fact(&row.kernel),
    ]
}

/// The places in the order of their rows.
fn places(matrix: &SupportMatrix) -> Vec<[String; 4]> {
    let mut places = Vec::new();
    for row in &matrix.rows {
        if !places.contains(&place(row)) {
            places.push(place(row));
        }
    }
    places
}

/// `P1`
fn place_name(number: usize) -> String {
    format!("P{}", number + 1)
}

/// `96 + 3`, or words where something is red.
fn short(summary: &Summary) -> String {
    let green = summary.pass + summary.tolerated;
    let red = summary.fail + summary.unsupported + summary.unprovable + summary.error;
    if red > 0 {
        format!("**{}**", words::totals(summary))
    } else if summary.known > 0 {
        format!("{green} + {}", summary.known)
    } else {
        green.to_string()
    }
}

fn behaviours(behaviours: &[Behaviour], page: &mut String) {
    page.push_str(
        "\n## How behaviour moves\n\nWhat was recorded over MPTCP with the fixture at the other end, where it is not the same in all \
         versions. It is not judged.\n",
    );
    for behaviour in behaviours {
        page.push_str(&format!(
            "\n### {}: {}\n\n{}\n\n| implementation | versions and what they do |\n|---|---|\n",
            escape(&behaviour.case),
            escape(&behaviour.what),
            escape(&behaviour.title),
        ));
        for line in &behaviour.lines {
            let steps: Vec<String> = line
                .steps
                .iter()
                .map(|step| {
                    let versions = if step.from == step.to {
                        escape(&step.from)
                    } else {
                        format!("{} to {}", escape(&step.from), escape(&step.to))
                    };
                    format!("**{versions}** {}", escape(&step.value))
                })
                .collect();
            page.push_str(&format!(
                "| {} | {} |\n",
                escape(&line.who),
                steps.join("<br>")
            ));
        }
    }
}

fn deviations(deviations: &[Deviation], page: &mut String) {
    page.push_str("\n## Known deviations\n");
    for deviation in deviations {
        page.push_str(&format!(
            "\n<a id=\"{}\"></a>\n### {}\n\n{}.\n\n",
            deviation_anchor(&deviation.id),
            escape(&deviation.id),
            escape(&deviation.reason),
        ));
        // Cell by cell is in the JSON; here the pairs of a case stand in one line.
        let mut by_case: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for cell in &deviation.cells {
            let (case, pair) = cell.split_once('@').unwrap_or((cell, ""));
            by_case.entry(case).or_default().insert(pair);
        }
        for (case, pairs) in by_case {
            let pairs: Vec<String> = pairs.into_iter().map(escape).collect();
            page.push_str(&format!("- {}: {}\n", escape(case), pairs.join(", ")));
        }
    }
}

fn evidence(matrix: &SupportMatrix, page: &mut String) {
    page.push_str("\n## Evidence\n\nThe selector runs the cells again: `mpws run --matrix LIBRARY SELECTOR`.\n");
    for (row, anchor) in matrix.rows.iter().zip(anchors(&matrix.rows)) {
        page.push_str(&format!(
            "\n<a id=\"{}\"></a>\n### {}: {}, {}, {}, kernel {}\n\n| family | cells | selector | not green |\n|---|---|---|---|\n",
            anchor,
            escape(&row.peer),
            escape(&row.runtime),
            escape(&row.libc),
            escape(&row.launched()),
            escape(&row.kernel),
        ));
        for family in &matrix.families {
            let Some(field) = row.families.get(family) else {
                page.push_str(&format!("| {} | unknown | | |\n", escape(family)));
                continue;
            };
            page.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                escape(family),
                words::totals(&field.summary),
                code(&field.selector),
                not_green(field),
            ));
        }
    }
}

/// Deviations with the number of their cells, then every other cell by name.
fn not_green(field: &Field) -> String {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut others = Vec::new();
    for (
        cell,
        NotGreen {
            is,
            deviations,
            reason,
        },
    ) in &field.not_green
    {
        for id in deviations {
            *known.entry(id).or_default() += 1;
        }
        if let Some(reason) = reason {
            others.push(format!(
                "**{}** {}: {}",
                escape(is),
                code(cell),
                escape(reason)
            ));
        }
    }
    let known = known.into_iter().map(|(id, cells)| {
        format!(
            "[{}](#{}) in {}",
            escape(id),
            deviation_anchor(id),
            words::number_of(cells, "cell")
        )
    });
    known.chain(others).collect::<Vec<_>>().join("<br>")
}

/// The name of the peer; from the second place on with its number.
fn anchors(rows: &[Row]) -> Vec<String> {
    let before = |number: usize| {
        let earlier = rows[..number].iter();
        earlier.filter(|row| row.peer == rows[number].peer).count()
    };
    let anchor = |(number, row): (usize, &Row)| match before(number) {
        0 => slug(&row.peer),
        others => slug(&format!("{} {}", row.peer, others + 1)),
    };
    rows.iter().enumerate().map(anchor).collect()
}

fn deviation_anchor(id: &str) -> String {
    slug(&format!("deviation {id}"))
}

/// Letters, digits and dots; the rest becomes dashes.
fn slug(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect()
}
